//! A client that reads whole answers: for starting, for comparing, not for load.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Failure;
use crate::target::{Group, Signature, Target};

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1 (RFC 9112)
    Http1,
    /// HTTP/2 (RFC 9113)
    Http2,
}

/// One connection.
pub struct Client {
    authority: String,
    sender: Sender,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// An answer as far as it matters here.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Location`, if there is one.
    pub location: Option<String>,
    /// The content.
    pub body: Bytes,
}

/// Runs one conversation.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

impl Client {
    /// Connects; the connection is driven by a task of its own.
    pub async fn connect(target: &Target, group: Group, version: Version) -> Result<Self, Failure> {
        let alpn: &[u8] = match version {
            Version::Http1 => b"http/1.1",
            Version::Http2 => b"h2",
        };
        let config = target.client(group, alpn, Signature::Checked)?;
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let tls = TlsConnector::from(config).connect(name, stream).await?;
        if tls.get_ref().1.alpn_protocol() != Some(alpn) {
            return Err("the server does not speak the version of HTTP that was asked for; check its configuration".into());
        }
        let io = TokioIo::new(tls);
        let sender = match version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Version::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Self {
            authority: target.authority(),
            sender,
        })
    }

    /// Asks for a path that is already encoded.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                let request = Request::get(path).header(header::HOST, &self.authority);
                sender.ready().await?;
                sender.send_request(request.body(Empty::new())?).await?
            }
            Sender::Http2(sender) => {
                let request = Request::get(format!("https://{}{path}", self.authority));
                sender.ready().await?;
                sender.send_request(request.body(Empty::new())?).await?
            }
        };
        let (parts, body) = answer.into_parts();
        let location = parts.headers.get(header::LOCATION);
        Ok(Answer {
            status: parts.status,
            location: location
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            body: body.collect().await?.to_bytes(),
        })
    }

    /// Another sender on the same HTTP/2 connection.
    pub fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                authority: self.authority.clone(),
                sender: Sender::Http2(sender.clone()),
            }),
        }
    }
}
