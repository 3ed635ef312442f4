//! Real connections: sizes that lie, clients that leave, the end of the service.

use std::net::SocketAddr;
use std::time::Duration;

use rstest::rstest;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::harness::{PATIENCE, Service, a_note};
use super::observed::Captured;
use crate::adapters::http::{Options, serve};
use crate::app;
use crate::domain::Sequence;
use crate::ports::CommandLog as _;

/// A service on a port of its own.
struct Server {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn of(service: &Service, drain: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, told) = oneshot::channel();
        let stop = async move { drop(told.await) };
        let serving = tokio::spawn(serve(listener, service.router.clone(), stop, drain));
        Self { address, shutdown, serving }
    }

    /// Sends text as it is, on a connection of its own.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) {
        self.shutdown.send(()).unwrap();
        timeout(PATIENCE, self.serving).await.unwrap().unwrap().unwrap();
    }
}

/// Everything that comes back until the connection ends.
async fn all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

fn post(length: &str, body: &str) -> String {
    format!(
        "POST /v1/notes HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\n{length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_client_is_served() {
    let service = Service::started().await;
    let server = Server::of(&service, PATIENCE).await;
    let url = format!("http://{}/v1/notes", server.address);
    let client = reqwest::Client::new();
    let post = client.post(&url).header("content-type", "application/json");
    let created = post.body(a_note().to_string()).send().await.unwrap();
    assert_eq!(created.status().as_u16(), 201);
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = serde_json::from_str(&created.text().await.unwrap()).unwrap();
    let read = client.get(format!("http://{}{location}", server.address)).send().await.unwrap();
    let read: Value = serde_json::from_str(&read.text().await.unwrap()).unwrap();
    assert_eq!(read, created);

    let head = client.head(format!("{url}/none")).send().await.unwrap();
    assert_eq!(head.status().as_u16(), 404);
    let get = client.get(format!("{url}/none")).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], get.headers()["content-length"]);
    assert_eq!(head.text().await.unwrap(), "");
    // The client's idle connection does not hold the service up.
    server.stop().await;
}

#[rstest]
#[case::announced(true)]
#[case::streamed(false)]
#[tokio::test]
async fn a_large_body_is_refused_and_the_answer_arrives(#[case] announced: bool) {
    let service = Service::started().await;
    let server = Server::of(&service, PATIENCE).await;
    // More than the buffers between the two hold.
    let body = vec![b' '; 7 * 1024 * 1024];
    let text = if announced {
        post("content-length: 7340032", &String::from_utf8(body).unwrap())
    } else {
        let body = String::from_utf8(body).unwrap();
        post("transfer-encoding: chunked", &format!("700000\r\n{body}\r\n0\r\n\r\n"))
    };
    let answer = all(server.send(&text).await).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("urn:daybook:problem:content-too-large"), "{answer}");
    assert_eq!(service.logged(), 0);
}

#[tokio::test]
async fn a_client_that_asks_first_is_not_told_to_send_too_much() {
    let service = Service::started().await;
    let server = Server::of(&service, PATIENCE).await;
    let text = post("expect: 100-continue\r\ncontent-length: 262145", "");
    let answer = all(server.send(&text).await).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[rstest]
#[case::too_short("content-length: 10", 400)]
#[case::both("content-length: 10\r\ncontent-length: 20", 400)]
#[case::no_number("content-length: -1", 400)]
#[case::none("x-nothing: 1", 400)]
#[tokio::test]
async fn lengths_that_lie(#[case] length: &str, #[case] status: u16) {
    let service = Service::started().await;
    let server = Server::of(&service, PATIENCE).await;
    let answer = all(server.send(&post(length, &a_note().to_string())).await).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert_eq!(service.logged(), 0);
}

#[tokio::test]
async fn a_body_shorter_than_announced_times_out() {
    let mut service = Service::started().await;
    let options = Options::default().with_request_timeout(Duration::from_millis(200)).unwrap();
    service.limit(options);
    let server = Server::of(&service, PATIENCE).await;
    let answer = all(server.send(&post("content-length: 5000", &a_note().to_string())).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(service.logged(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_its_write_back() {
    let mut service = Service::stopped(app::Options::default());
    let server = Server::of(&service, PATIENCE).await;
    let body = a_note().to_string();
    let stream = server.send(&post(&format!("content-length: {}", body.len()), &body)).await;
    timeout(PATIENCE, service.log.wait_past(Sequence::ZERO)).await.unwrap().unwrap();
    drop(stream);
    server.stop().await;

    service.apply().await;
    assert_eq!(service.get("/v1/notes/n1").await.body["title"], "Milk");
}

#[tokio::test]
async fn what_is_in_flight_is_answered_before_the_end() {
    let mut service = Service::stopped(app::Options::default());
    let server = Server::of(&service, PATIENCE).await;
    let address = server.address;
    let body = a_note().to_string();
    let stream = server.send(&post(&format!("content-length: {}", body.len()), &body)).await;
    timeout(PATIENCE, service.log.wait_past(Sequence::ZERO)).await.unwrap().unwrap();

    let stopping = tokio::spawn(server.stop());
    // It accepts no more, but goes on with what it has.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    service.apply().await;
    let answer = all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_is_left_after_the_drain_is_cut_and_counted() {
    let captured = Captured::start();
    let service = Service::stopped(app::Options::default());
    let server = Server::of(&service, Duration::from_millis(50)).await;
    let body = a_note().to_string();
    let text = post(&format!("content-length: {}", body.len()), &body);
    let streams = [server.send(&text).await, server.send(&text).await];
    timeout(PATIENCE, service.log.wait_past(Sequence::FIRST)).await.unwrap().unwrap();

    server.stop().await;
    for stream in streams {
        assert_eq!(all(stream).await, "");
    }
    let lines = captured.lines_with("connections were cut");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("connections=2"), "{lines:?}");
}
