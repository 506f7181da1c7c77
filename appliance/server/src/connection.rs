//! Connections: accept → limits → TLS → HTTP, one task each.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::server::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::body::Outgoing;
use crate::enrolment::proof::{Binding, EXPORTER_LABEL};
use crate::pin::Pin;
use crate::progress::Progress;
use crate::request;
use crate::server::Shared;

/// Time for a whole TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for a request's header, and for the next one to begin.
const HEADER: Duration = Duration::from_secs(10);
/// Time without progress after which a connection is ended.
const STALL: Duration = Duration::from_secs(60);
/// Time for a connection to finish what it does, once it is to end.
const LINGER: Duration = Duration::from_secs(5);
/// Most bytes of a request's header.
const HEADER_BYTES: usize = 16 * 1024;
/// Most header fields.
const HEADER_FIELDS: usize = 64;
/// Most HTTP/2 streams at once.
const STREAMS: u32 = 100;

/// What is known of a connection before its first request.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) side: Side,
}

/// Which of the two protocols a connection speaks.
pub(crate) enum Side {
    /// HTTPS as browsers speak it.
    Web,
    /// The device protocol, from a device that holds this key.
    Device(Binding),
}

/// Takes connections until told to stop.
pub(crate) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        // Over the bound, new connections wait in the kernel's queue.
        let permit = tokio::select! {
            permit = Arc::clone(&shared.connections).acquire_owned() => permit,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, or a client gone already: neither ends the service.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // One that has too many already is closed here, before it costs anything.
        let Some(place) = shared.peers.enter(peer.ip()) else {
            continue;
        };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move {
            serve(shared, stream, peer, stop).await;
            drop((permit, place));
        });
    }
}

async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE, handshake(&shared, stream));
    let tls = tokio::select! {
        tls = handshake => tls,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    // A failed handshake is the client's to report; there is nobody to answer.
    let Ok(Some((tls, device))) = tls else { return };
    let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let side = if device {
        let Some(binding) = binding(&shared, &tls) else {
            return;
        };
        Side::Device(binding)
    } else {
        Side::Web
    };
    let connection = Arc::new(Connection { peer, side });
    let progress = Progress::new();
    let watched = Arc::clone(&progress);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (shared, connection) = (Arc::clone(&shared), Arc::clone(&connection));
        let progress = Arc::clone(&progress);
        async move {
            let working = progress.work();
            let response = request::answer(&shared, &connection, request).await;
            drop(working);
            Ok::<_, Infallible>(response.map(|body| Outgoing { body, progress }))
        }
    });
    let io = TokioIo::new(tls);
    // How a connection ends (reset, timeout, protocol error) concerns the client alone: each request was recorded.
    if h2 {
        let connection = http2_builder().serve_connection(io, service);
        drive(connection, |it| it.graceful_shutdown(), &watched, stop).await;
    } else {
        let connection = http1_builder().serve_connection(io, service);
        drive(connection, |it| it.graceful_shutdown(), &watched, stop).await;
    }
}

/// Drives a connection to its end, which comes at a stop and for want of progress too.
async fn drive<C: Future>(
    connection: C,
    finish: impl FnOnce(std::pin::Pin<&mut C>),
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
        () = progress.stalled(STALL) => {}
    }
    finish(connection.as_mut());
    let _ = tokio::time::timeout(LINGER, connection).await;
}

async fn handshake(shared: &Shared, stream: TcpStream) -> Option<(TlsStream<TcpStream>, bool)> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream)
        .await
        .ok()?;
    let (config, device) = shared.tls.choose(&start.client_hello());
    let tls = start.into_stream(config).await.ok()?;
    Some((tls, device))
}

/// The device's key, and what binds a proof to this connection.
fn binding(shared: &Shared, tls: &TlsStream<TcpStream>) -> Option<Binding> {
    let (_, tls) = tls.get_ref();
    let client = Pin::of_certificate(tls.peer_certificates()?.first()?)?;
    let exporter = tls
        .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
        .ok()?;
    Some(Binding {
        exporter,
        client,
        server: shared.keys.identity_pin,
    })
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_header_size(HEADER_BYTES)
        .max_headers(HEADER_FIELDS)
        .max_buf_size(HEADER_BYTES.saturating_mul(4));
    builder
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES as u32)
        .max_pending_accept_reset_streams(32)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
