//! A TCP proxy that fails as networks do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::sleep;

/// How the proxy treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything goes through.
    Pass,
    /// Connections are closed as soon as they are made, and those that there are
    /// at once.
    Refuse,
    /// Each piece of data comes so much later, both ways.
    Delay(Duration),
    /// Nothing goes through and nothing is closed. What was sent meanwhile goes
    /// on when the mode changes.
    Silent,
    /// Requests go through, answers are lost.
    SwallowReplies,
}

#[derive(Debug)]
struct State {
    /// Where new connections go.
    target: String,
    mode: Mode,
    /// How often all connections were cut.
    cuts: u64,
}

/// A proxy in front of one address at a time. Dropping it ends every connection.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    state: Arc<watch::Sender<State>>,
    /// Every connection so far, the oldest first.
    relays: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy on a free port, in [`Mode::Pass`].
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(target: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(watch::Sender::new(State { target, mode: Mode::Pass, cuts: 0 }));
        let relays = Arc::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), Arc::clone(&relays)));
        Ok(Self { address, state, relays, accepting })
    }

    /// Its address, as `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its address for clients.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Changes the mode, for connections that there are, too.
    pub fn set(&self, mode: Mode) {
        self.state.send_modify(|state| {
            state.mode = mode;
            state.cuts += u64::from(mode == Mode::Refuse);
        });
    }

    /// Changes the address that new connections go to, for a server that comes
    /// back elsewhere.
    pub fn set_target(&self, target: String) {
        self.state.send_modify(|state| state.target = target);
    }

    /// How many connections were let through so far.
    #[must_use]
    pub fn made(&self) -> usize {
        self.relays.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many of them there are.
    #[must_use]
    pub fn open(&self) -> usize {
        let relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        relays.iter().filter(|relay| !relay.is_finished()).count()
    }

    /// Cuts the latest connection of those that there are, and no other.
    pub fn cut_latest(&self) {
        let relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = relays.iter().rev().find(|relay| !relay.is_finished()) {
            latest.abort();
        }
    }

    /// Cuts every connection that there is.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(
    listener: TcpListener,
    state: Arc<watch::Sender<State>>,
    relays: Arc<Mutex<Vec<AbortHandle>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let state = state.subscribe();
        if state.borrow().mode != Mode::Refuse {
            let relay = tokio::spawn(relay(client, state)).abort_handle();
            relays.lock().unwrap_or_else(PoisonError::into_inner).push(relay);
        }
    }
}

async fn relay(client: TcpStream, mut state: watch::Receiver<State>) {
    let target = state.borrow().target.clone();
    let Ok(server) = TcpStream::connect(target).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cuts = state.borrow().cuts;
    // Both halves end together, which closes both connections.
    tokio::select! {
        () = pump(from_client, to_server, state.clone(), false) => {}
        () = pump(from_server, to_client, state.clone(), true) => {}
        _ = state.wait_for(|state| state.cuts != cuts) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    is_reply: bool,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let heard = state.wait_for(|state| state.mode != Mode::Silent).await;
        let Ok(mode) = heard.map(|state| state.mode) else { return };
        match mode {
            Mode::SwallowReplies if is_reply => continue,
            Mode::Delay(delay) => sleep(delay).await,
            _ => {}
        }
        let Some(piece) = buffer.get(..length) else { return };
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn answer(stream: &mut TcpStream) -> Option<u8> {
        let mut byte = [0];
        match timeout(Duration::from_millis(300), stream.read_exact(&mut byte)).await {
            Ok(Ok(_)) => Some(byte[0]),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    #[tokio::test]
    async fn each_mode_does_what_it_says() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        for (mode, byte, expected) in [
            (Mode::Pass, 1, Some(1)),
            (Mode::Delay(Duration::from_millis(10)), 2, Some(2)),
            (Mode::Silent, 3, None),
            // What was held back comes first.
            (Mode::Pass, 4, Some(3)),
        ] {
            proxy.set(mode);
            stream.write_all(&[byte]).await.unwrap();
            assert_eq!(answer(&mut stream).await, expected, "{mode:?}");
        }
        assert_eq!(answer(&mut stream).await, Some(4));
        proxy.set(Mode::SwallowReplies);
        stream.write_all(&[5]).await.unwrap();
        assert_eq!(answer(&mut stream).await, None);
        proxy.set(Mode::Refuse);
        assert_eq!(answer(&mut stream).await, None);
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(refused.read(&mut [0]).await.unwrap_or(0), 0, "it is closed at once");
        proxy.set(Mode::Pass);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(&[7]).await.unwrap();
        assert_eq!(answer(&mut stream).await, Some(7));
        proxy.cut();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "it is cut");
    }

    #[tokio::test]
    async fn new_connections_go_to_the_new_target() {
        let proxy = Proxy::start("127.0.0.1:0".to_owned()).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "there is no server yet");
        proxy.set_target(echo().await);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(&[1]).await.unwrap();
        assert_eq!(answer(&mut stream).await, Some(1));
    }

    #[tokio::test]
    async fn one_connection_can_be_cut() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut streams = Vec::new();
        for made in 1..=2 {
            let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
            stream.write_all(&[1]).await.unwrap();
            assert_eq!(answer(&mut stream).await, Some(1));
            assert_eq!((proxy.made(), proxy.open()), (made, made));
            streams.push(stream);
        }
        proxy.cut_latest();
        assert_eq!(streams[1].read(&mut [0]).await.unwrap_or(0), 0, "it is cut");
        streams[0].write_all(&[2]).await.unwrap();
        assert_eq!(answer(&mut streams[0]).await, Some(2), "it is not");
        assert_eq!((proxy.made(), proxy.open()), (2, 1));
    }
}
