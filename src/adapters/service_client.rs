//! Asking a running service over HTTP.

use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// Gets the JSON at that path of the service that listens at `HOST:PORT`.
///
/// # Errors
/// When it does not answer within 5 s, or with something else.
pub async fn get(address: &str, path: &str) -> io::Result<(StatusCode, Value)> {
    timeout(PATIENCE, ask(address, path))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")))
}

async fn ask(address: &str, path: &str) -> io::Result<(StatusCode, Value)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::get(path).header(HOST, address).body(Body::empty());
    let answer = async {
        let answer = sender.send_request(request.map_err(io::Error::other)?).await;
        let answer = answer.map_err(io::Error::other)?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), MAX_ANSWER_BYTES).await;
        Ok((status, serde_json::from_slice(&body.map_err(io::Error::other)?)?))
    };
    // The connection moves the bytes while the answer is waited for.
    tokio::select! {
        biased;
        answer = answer => answer,
        ended = connection => Err(ended.err().map_or_else(
            || io::ErrorKind::UnexpectedEof.into(),
            io::Error::other,
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get as route;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::adapters::http::serve;

    #[tokio::test]
    async fn what_a_service_answers_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new()
            .route("/there", route(async || axum::Json(serde_json::json!({ "a": 1 }))))
            .route("/text", route(async || "text"));
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async { drop(stopped.await) };
        let serving = tokio::spawn(serve(listener, router, until, Duration::from_secs(9)));
        let (status, body) = get(&address, "/there").await.unwrap();
        assert_eq!((status, &body["a"]), (StatusCode::OK, &Value::from(1)));
        get(&address, "/text").await.unwrap_err();
        drop(stop);
        serving.await.unwrap().unwrap();
        get(&address, "/there").await.unwrap_err();
    }
}
