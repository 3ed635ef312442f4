//! A request body that comes in pieces, when a test sends them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc::{Receiver, Sender, channel};

struct Pieces(Receiver<io::Result<Bytes>>);

/// The body, and where to send its pieces: it ends when that is dropped.
pub(super) fn sent_in_pieces() -> (Sender<io::Result<Bytes>>, Body) {
    let (sender, pieces) = channel(2);
    (sender, Body::new(Pieces(pieces)))
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}
