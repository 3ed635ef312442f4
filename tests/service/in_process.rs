//! The service inside another program: listener and shutdown come from outside.

use daybook::adapters::settings::{Settings, Sources};
use daybook::runtime;
use daybook::wiring::{self, Service};
use serde_json::json;
use tokio::sync::oneshot;

use crate::program::{json_of, send};

fn settings(data_dir: &std::path::Path) -> Settings {
    let data_dir = data_dir.to_str().unwrap().to_owned();
    let given = [("DATA_DIR", data_dir), ("BIND_ADDRESS", "127.0.0.1:0".to_owned())];
    Settings::read(&Sources::gather(None, [], given).unwrap()).unwrap()
}

#[test]
fn it_serves_until_it_is_told_to_stop_and_then_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    for version in 1..=2 {
        let settings = settings.clone();
        runtime::run(async move {
            let service = Service::open(settings.clone()).await.unwrap();
            let listener = wiring::listen(&settings).await.unwrap();
            let url = format!("http://{}/v1/notes/kept", listener.local_addr().unwrap());
            let (stop, stopped) = oneshot::channel::<()>();
            let running = tokio::spawn(service.run(listener, async {
                stopped.await.unwrap();
            }));
            let note = json!({"title": "t", "content": "c", "author": "ada", "tags": []});
            let put = send(reqwest::Client::new().put(url), &note).await;
            let put = json_of(put).await;
            assert_eq!(put["version"], version, "{put}");
            stop.send(()).unwrap();
            running.await.unwrap().unwrap();
        })
        .unwrap();
    }
}

#[test]
fn a_folder_belongs_to_one_service_also_within_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    runtime::run(async move {
        let first = Service::open(settings.clone()).await.unwrap();
        let second = Service::open(settings.clone()).await.err().unwrap();
        assert!(second.to_string().contains("in use"), "{second}");
        drop(first);
        Service::open(settings).await.unwrap();
    })
    .unwrap();
}
