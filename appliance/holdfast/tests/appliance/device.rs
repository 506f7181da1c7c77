//! A device that speaks the protocol by hand, so that tests can stop half-way and send what the command line never would.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use holdfast_server::{DEVICE_ALPN, Pin, device_certificate};
use rcgen::{KeyPair, PKCS_ED25519};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::appliance::Appliance;
use crate::web::{Answer, Stream, builder, connect, read_one, read_to_end};

pub struct Device {
    key: KeyPair,
    address: SocketAddr,
}

impl Device {
    /// One that nobody knows.
    pub fn unknown(appliance: &Appliance) -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        Self {
            key,
            address: appliance.address(),
        }
    }

    /// The one that the command line enrolled.
    pub fn enrolled(appliance: &Appliance) -> Self {
        Self::of_state(appliance, "state")
    }

    /// The one of this state folder.
    pub fn of_state(appliance: &Appliance, state: &str) -> Self {
        let pem = appliance.path(state).join("device.key");
        let pem = std::fs::read_to_string(pem).unwrap();
        Self {
            key: KeyPair::from_pem(&pem).unwrap(),
            address: appliance.address(),
        }
    }

    /// Its fingerprint.
    pub fn pin(&self) -> Pin {
        Pin::of_certificate(&device_certificate(&self.key).unwrap()).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat())
    }

    /// Sends a whole request and is gone after a while, without reading.
    pub fn post_and_leave(&self, path: &str, body: &[u8], after: Duration) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = self.connect();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        std::thread::sleep(after);
    }

    fn send(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A refusal may come before everything was sent.
        let _ = stream.write_all(request);
        Answer::parse(&read_to_end(&mut stream))
    }

    /// A connection that stays open.
    pub fn open(&self) -> Open {
        Open(self.connect())
    }

    fn connect(&self) -> Stream {
        let certificate = device_certificate(&self.key).unwrap();
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = builder()
            .with_client_auth_cert(vec![certificate], key.into())
            .unwrap();
        config.alpn_protocols = vec![DEVICE_ALPN.to_vec()];
        connect(self.address, config)
    }
}

/// A connection that stays open.
pub struct Open(Stream);

impl Open {
    /// Sends bytes; after the server has closed, that may fail.
    pub fn say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok() && self.0.flush().is_ok()
    }

    /// The answer, which ends the connection.
    pub fn answer(&mut self) -> Answer {
        Answer::parse(&read_to_end(&mut self.0))
    }

    /// Asks and reads one answer with a length.
    pub fn get(&mut self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.0.write_all(request.as_bytes()).unwrap();
        read_one(&mut self.0)
    }

    /// Sends a whole request and reads one answer with a length.
    pub fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.0.write_all(&[head.as_bytes(), body].concat()).unwrap();
        read_one(&mut self.0)
    }
}

/// A blob as `POST /v1/site/blobs` takes it.
pub fn blob(sha256: holdfast_site::Digest, bytes: &[u8]) -> Vec<u8> {
    [
        &sha256.as_bytes()[..],
        &(bytes.len() as u64).to_le_bytes(),
        bytes,
    ]
    .concat()
}
