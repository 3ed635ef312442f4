//! The database and the network in front of it.

use std::path::Path;

use anyhow::Result;
use daybook_rig::{Mode, Proxy, Server, Storage};

use crate::outage::{Kind, Outage};

/// So small that a kill of the server loses an acknowledged batch nearly every
/// time: the one that filled the memtable.
const MEMTABLE: (&str, &str) = ("SURREAL_SURREALKV_MAX_MEMTABLE_SIZE", "2097152");

/// A server behind a proxy.
pub(crate) struct Scene {
    server: Server,
    proxy: Proxy,
}

impl Scene {
    /// A running server with its data in that folder.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let (name, value) = MEMTABLE;
        let mut server = Server::in_folder(Storage::SurrealKv, folder)?.with_variable(name, value);
        server.start().await?;
        let proxy = Proxy::start(server.address()).await?;
        Ok(Self { server, proxy })
    }

    /// The address that Daybook is to use.
    pub(crate) fn endpoint(&self) -> String {
        self.proxy.endpoint()
    }

    /// Takes the database away.
    pub(crate) async fn begin(&mut self, outage: &Outage) -> Result<()> {
        match outage.kind {
            Kind::Kill => self.server.kill().await,
            Kind::Stop => self.server.stop().await,
            Kind::Freeze => self.server.freeze().await,
            Kind::Cut => {
                self.proxy.set(Mode::Refuse);
                Ok(())
            }
            Kind::Slow => {
                self.proxy.set(Mode::Delay(outage.delay));
                Ok(())
            }
        }
    }

    /// Brings it back, and returns once it answers.
    pub(crate) async fn end(&mut self, kind: Kind) -> Result<()> {
        match kind {
            Kind::Kill | Kind::Stop => self.server.start().await,
            Kind::Freeze => self.server.thaw().await,
            Kind::Cut | Kind::Slow => {
                self.proxy.set(Mode::Pass);
                Ok(())
            }
        }
    }

    /// Ends the server.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.server.stop().await
    }
}
