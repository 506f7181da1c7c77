//! One TLS connection to an appliance.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_server::enrolment::proof::{Binding, EXPORTER_LABEL};
use holdfast_server::{DEVICE_ALPN, Ed25519Only, Pin, device_certificate};
use http_body_util::combinators::BoxBody;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::failure::Unreachable;
use super::pinned::Pinned;
use crate::Failure;

/// What requests carry.
pub type Body = BoxBody<Bytes, BodyFailure>;
/// A failure that may cross threads.
pub type BodyFailure = Box<dyn std::error::Error + Send + Sync>;

/// Time to reach the appliance and finish the handshake.
const CONNECT: Duration = Duration::from_secs(20);

/// An open connection to an appliance whose key is known.
pub struct Connection {
    pub(super) sender: SendRequest<Body>,
    /// What binds a proof of enrolment to this connection.
    pub binding: Binding,
}

impl Connection {
    /// Connects and shows this device's key. With `identity` only that appliance is talked to; without, its key is
    /// taken as it comes and must be proven otherwise.
    pub async fn open(
        address: &Address,
        key: &KeyPair,
        identity: Option<Pin>,
    ) -> Result<Self, Failure> {
        let seen = Arc::new(Mutex::new(None));
        let opened =
            tokio::time::timeout(CONNECT, Self::try_open(address, key, identity, &seen)).await;
        let opened = opened.unwrap_or_else(|_| Err("nothing answered in 20 seconds".into()));
        opened.map_err(|error| {
            let seen = *seen.lock().unwrap_or_else(PoisonError::into_inner);
            match (identity, seen) {
                (Some(wanted), Some(seen)) if wanted != seen => format!(
                    "{address} shows the identity {seen}, not {wanted}: this is another appliance, or someone is in \
                     between; check the address, and compare with the appliance's console"
                ),
                _ => format!(
                    "cannot talk to {address}: {error}; check that the appliance runs and is reachable there"
                ),
            }
        })
        .map_err(|why| Unreachable(why).into())
    }

    async fn try_open(
        address: &Address,
        key: &KeyPair,
        identity: Option<Pin>,
        seen: &Arc<Mutex<Option<Pin>>>,
    ) -> Result<Self, Failure> {
        let certificate = device_certificate(key)?;
        let client = Pin::of_certificate(&certificate).ok_or("the device key cannot be read")?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Pinned {
            identity,
            seen: Arc::clone(seen),
            signatures: Ed25519Only::new(&provider),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(
                vec![certificate],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        config.alpn_protocols = vec![DEVICE_ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;

        let stream = TcpStream::connect(address.resolve()?.as_slice()).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("holdfast.invalid")?;
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        if tls.get_ref().1.alpn_protocol() != Some(DEVICE_ALPN) {
            return Err("what answers there does not speak the device protocol".into());
        }
        let exporter =
            tls.get_ref()
                .1
                .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))?;
        let server =
            (*seen.lock().unwrap_or_else(PoisonError::into_inner)).ok_or("it showed no key")?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await?;
        // Its failures come back from the requests.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            binding: Binding {
                exporter,
                client,
                server,
            },
        })
    }
}
