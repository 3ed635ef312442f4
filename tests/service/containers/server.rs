//! A SurrealDB server in a container, and whether there can be one.

use std::collections::HashMap;
use std::env;
use std::process::Command;
use std::thread;
use std::time::Duration;

use daybook_rig::server_program;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::NetworkCreateRequest;
use testcontainers::bollard::query_parameters::InspectContainerOptions;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::program::tell_aloud;

/// The image, as `scripts/surrealdb-image.sh` names it.
const NAME: &str = "surrealdb/surrealdb";
const TAG: &str = "v3.3.5";

const PORT: u16 = 8000;

/// Set to `required`, a test fails where it could else not run.
const DEMAND: &str = "DAYBOOK_CONTAINER_TESTS";

/// Whether containers can be run here. Where they cannot, one line says why, also
/// when the output of tests is captured.
pub(crate) async fn can_run() -> bool {
    static ANSWER: OnceCell<bool> = OnceCell::const_new();
    let answer = ANSWER.get_or_init(|| async {
        let Err(reason) = provide_image().await else { return true };
        let is_demanded = env::var(DEMAND).is_ok_and(|demand| demand == "required");
        assert!(!is_demanded, "the container tests cannot run: {reason}");
        tell_aloud(&format!("container tests did not run: {reason}"));
        false
    });
    *answer.await
}

/// Sees to it that the image is there, and tells why it cannot be.
async fn provide_image() -> Result<(), String> {
    let program = server_program().await.map_err(|error| format!("{error:#}"))?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/surrealdb-image.sh");
    let mut script = Command::new(script);
    script.env("DAYBOOK_TEST_SURREALDB", program);
    let output = script.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(told.lines().last().unwrap_or("surrealdb-image.sh failed").to_owned());
    }
    // A container of an image that the engine has not is a reason to pull it. The
    // command may speak to another engine than the library.
    let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
    let seen = docker.inspect_image(&format!("{NAME}:{TAG}")).await;
    seen.map(drop).map_err(|error| error.to_string())
}

/// The engine that the containers run on.
pub(crate) async fn docker() -> Docker {
    docker_client_instance().await.unwrap()
}

/// A server in a container, on a port that Docker has picked. Its data stay the
/// same over any number of starts, its port does not. Dropping it, be it by a
/// panic, removes the container, its data, and its network.
pub(crate) struct Server {
    // In this order: a network that is in use cannot be removed.
    container: ContainerAsync<GenericImage>,
    network: Network,
}

impl Server {
    /// A running server.
    pub(crate) async fn started() -> Self {
        let network = Network::create().await;
        let command = format!(
            "start --log info --user root --pass root --bind 0.0.0.0:{PORT} \
             surrealkv:///data/notes?sync=every"
        );
        let image = GenericImage::new(NAME, TAG)
            .with_exposed_port(PORT.tcp())
            .with_wait_for(WaitFor::message_on_either_std("Started web server"))
            .with_network(&network.name)
            .with_cmd(command.split_whitespace());
        let server = Self { container: image.start().await.unwrap(), network };
        server.wait_until_healthy().await;
        server
    }

    /// Where it is reached, as `HOST:PORT`.
    pub(crate) async fn address(&self) -> String {
        let docker = docker().await;
        let seen = docker.inspect_container(self.id(), None::<InspectContainerOptions>).await;
        let ports = seen.unwrap().network_settings.unwrap().ports.unwrap();
        let bindings = ports[&format!("{PORT}/tcp")].clone().unwrap();
        let [binding] = bindings.as_slice() else { panic!("not one port: {bindings:?}") };
        let host = binding.host_ip.as_deref().unwrap();
        assert_eq!(host, "127.0.0.1", "it is reached from this machine only");
        format!("{host}:{}", binding.host_port.as_deref().unwrap())
    }

    /// The id of the container.
    pub(crate) fn id(&self) -> &str {
        self.container.id()
    }

    /// The name of its network.
    pub(crate) fn network(&self) -> &str {
        &self.network.name
    }

    /// Ends the server as `docker stop` does. The container stays.
    pub(crate) async fn stop(&self) {
        self.container.stop().await.unwrap();
        assert!(!self.container.is_running().await.unwrap());
    }

    /// Starts it again, on another port.
    pub(crate) async fn start(&self) {
        self.container.start().await.unwrap();
        self.wait_until_healthy().await;
    }

    async fn wait_until_healthy(&self) {
        let health = format!("http://{}/health", self.address().await);
        let asked = async || reqwest::get(&health).await.is_ok_and(|answer| answer.status() == 200);
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            while !asked().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waited.await.is_ok(), "the server does not answer: {}", self.told().await);
    }

    async fn told(&self) -> String {
        String::from_utf8_lossy(&self.container.stdout_to_vec().await.unwrap()).into_owned()
    }
}

/// A network whose ports are bound to this machine's loopback address: the
/// library has no setting for that, and would bind them to every address.
struct Network {
    name: String,
}

impl Network {
    async fn create() -> Self {
        let name = format!("daybook-tests-{}", Uuid::new_v4());
        let loopback = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1");
        let options = HashMap::from([loopback].map(|(name, value)| (name.into(), value.into())));
        let request = NetworkCreateRequest {
            name: name.clone(),
            options: Some(options),
            ..Default::default()
        };
        docker().await.create_network(request).await.unwrap();
        Self { name }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let name = self.name.clone();
        // The runtime of the test is busy with this very drop.
        let removing = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async { docker().await.remove_network(&name).await })
        });
        let removed = removing.join();
        if !thread::panicking() {
            removed.unwrap().unwrap();
        }
    }
}
