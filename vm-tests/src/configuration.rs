//! What an operator configures, in the least form that boots.

use crate::Spec;

/// The root key of every test machine: 32 bytes, hexadecimal. TEST ONLY.
pub const ROOT_KEY: &str = "7e57000000000000000000000000000000000000000000000000000000007e57";

/// A configuration under construction.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The port that browsers see.
    pub port: u16,
    /// Further lines of `holdfast.toml`, after `[origin]`.
    pub more: String,
}

impl Configuration {
    /// The defaults, seen from outside at `port`.
    pub fn new(port: u16) -> Self {
        Self {
            port,
            more: String::new(),
        }
    }

    /// Only the data partition with this id is accepted.
    pub fn data_id(mut self, id: &str) -> Self {
        self.more += &format!("[data]\nid = \"{id}\"\n");
        self
    }

    /// What opens the data is typed on the console.
    pub fn typed(mut self) -> Self {
        self.more += "[data]\nunlock = \"console\"\n";
        self
    }

    /// A static network.
    pub fn address(mut self, addresses: &[&str], gateway: &str) -> Self {
        self.more += &format!("[network]\naddress = {addresses:?}\ngateway = [{gateway:?}]\n");
        self
    }

    /// The text of `holdfast.toml`.
    pub fn toml(&self) -> String {
        format!(
            "[origin]\nsite = \"https://{}\"\nportal = \"https://{}\"\n{}",
            site(self.port),
            portal(self.port),
            self.more
        )
    }

    /// Passes it to the machine by SMBIOS.
    pub fn by_smbios(&self, spec: &mut Spec) {
        spec.credential("holdfast.toml", &self.toml());
        spec.credential("holdfast.root-key", ROOT_KEY);
    }
}

/// The site's authority at `port`.
pub fn site(port: u16) -> String {
    format!("localhost:{port}")
}

/// The portal's authority at `port`.
pub fn portal(port: u16) -> String {
    format!("portal.localhost:{port}")
}
