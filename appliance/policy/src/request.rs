//! What a decision is about: who, to what, how.

use std::borrow::Cow;
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Someone of whom nothing is known.
    Visitor,
    /// A person who is signed in.
    Person {
        /// The person's number, in hex.
        id: Arc<str>,
        /// All roles of the person, inherited ones too, in order of name.
        roles: Arc<[String]>,
    },
    /// A device that proved the possession of its key in the TLS handshake.
    Device {
        /// `SHA256:` and the unpadded base64 of its public key's hash.
        fingerprint: String,
        /// Whether the store knows it, and not as revoked, at this request.
        enrolled: bool,
    },
}

/// What something is done to. The site's crate implements it for a manifest entry.
pub trait Resource {
    /// Its entity type in the schema.
    const TYPE: &'static str;

    /// Its name within the type, such as a manifest path. Any text is allowed.
    fn id(&self) -> Cow<'_, str>;
}

macro_rules! single {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl Resource for $name {
            const TYPE: &'static str = stringify!($name);

            fn id(&self) -> Cow<'_, str> {
                Cow::Borrowed("this")
            }
        }
    )*};
}

single! {
    /// The site as a whole: its versions and blobs.
    Site;
    /// The portal host.
    Portal;
    /// The machine.
    Appliance;
}

/// The protocol that a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// HTTPS as browsers speak it.
    Web,
    /// The device protocol, ALPN `holdfast/1`.
    Device,
}

impl Channel {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Device => "device",
        }
    }
}

/// The circumstances of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The protocol that it came by.
    pub channel: Channel,
}
