//! Connections: accept → limits → TLS → HTTP, one task each.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::server::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::body::Outgoing;
use crate::cork::Corked;
use crate::enrolment::proof::{Binding, EXPORTER_LABEL};
use crate::gather::{Gather, RECORDS};
use crate::limits::{Arrival, Earned, Guard, Limits, Seat};
use crate::pin::Pin;
use crate::progress::Pace;
use crate::request;
use crate::server::Shared;
use crate::stall::{self, Streams};
use crate::tls::Chosen;

/// Time for a connection to finish what it does, once it is to end.
const LINGER: Duration = Duration::from_secs(5);
/// The same for one that gives way to another.
const HURRY: Duration = Duration::from_millis(200);
/// Pause after a failed accept, such as one for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(20);
/// Most bytes of a connection's encrypted answers that wait for the kernel to take them: full records (RFC 8446, section
/// 5.2: 5 bytes of header, 16 KiB, 1 of the inner type, 16 of AEAD tag). [`Gather`] hands on no more than that at once.
const TLS_BUFFER: usize = RECORDS * (5 + 16 * 1024 + 1 + 16);
/// The windows that an HTTP/2 client may fill before we have read (RFC 9113, section 6.9.2; the smallest possible for
/// a connection).
const WINDOW: u32 = 65_535;
/// Most bytes of an HTTP/2 stream's answer that wait for its window.
const SEND_BUFFER: usize = 128 * 1024;
/// HTTP/2 streams that were reset before we took them, after which a connection is ended (CVE-2023-44487).
const RESETS: usize = 32;
/// HTTP/2 streams that we have reset for their errors or refused, after which a connection is ended (CVE-2025-8671).
const ERRORS: usize = 256;

/// What is known of a connection before its first request.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) side: Side,
    /// Whether its certificate is one that browsers ask about; it keeps the one that it began with.
    pub(crate) self_made: bool,
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
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // A client that has gone already.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => continue,
            // Out of file descriptors or memory: one that is idle gives its own back.
            Err(_) => {
                shared.limits.places.displace(None);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // One that has its share already is closed here, before it costs anything.
        let Some(arrival) = shared.limits.arrive(peer.ip()) else {
            shared.note_shed();
            continue;
        };
        // Whoever waits for a place waits apart, so that those behind are not kept.
        tokio::spawn(serve(
            Arc::clone(&shared),
            stream,
            peer,
            arrival,
            stop.clone(),
        ));
    }
}

async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    arrival: Arrival,
    mut stop: watch::Receiver<bool>,
) {
    let seat = tokio::select! {
        seat = shared.limits.places.take(peer.ip()) => seat,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let Some(seat) = seat else {
        return shared.note_shed();
    };
    let _ = stream.set_nodelay(true);
    let limits = shared.limits.limits.clone();
    let handshake = tokio::time::timeout(limits.handshake_time, handshake(&shared, stream));
    let tls = tokio::select! {
        tls = handshake => tls,
        () = seat.progress.asked_to_leave() => return,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let Arrival {
        connection: _place,
        handshake,
    } = arrival;
    drop(handshake);
    // A failed handshake is the client's to report; there is nobody to answer.
    let Ok(Some((tls, Chosen { device, self_made }))) = tls else {
        return;
    };
    let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let side = if device {
        let Some(binding) = binding(&shared, &tls) else {
            return;
        };
        Side::Device(binding)
    } else {
        Side::Web
    };
    let connection = Arc::new(Connection {
        peer,
        side,
        self_made,
    });
    let progress = Arc::clone(&seat.progress);
    progress.touch();
    let earned = Arc::new(Earned::default());
    let earns = Arc::clone(&earned);
    let service = service_fn(move |request: http::Request<Incoming>| {
        earns.request();
        let (shared, connection) = (Arc::clone(&shared), Arc::clone(&connection));
        let progress = Arc::clone(&progress);
        async move {
            let start = shared.clock.monotonic();
            let working = progress.work(start);
            let (mut response, held, end) =
                request::answer(&shared, &connection, request, start).await;
            working.done(end);
            stall::answered();
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                progress.refused();
            }
            let pace = Pace::new(&shared.limits.limits, end);
            let session = response.extensions_mut().remove();
            Ok::<_, Infallible>(response.map(|body| Outgoing {
                body,
                progress,
                pace,
                _held: held,
                session,
            }))
        }
    });
    let gather = Gather::new(tls);
    let tls = gather.clone();
    // How a connection ends (reset, timeout, protocol error) concerns the client alone: each request was recorded.
    let watch = stop.clone();
    let left = if h2 {
        let streams = Streams::new(Arc::clone(&earned), Arc::clone(&seat.progress), &limits);
        let io = TokioIo::new(Guard::http2(tls, earned));
        let connection = http2_builder(&limits, streams).serve_connection(io, service);
        let finish = |it: std::pin::Pin<&mut http2::Connection<_, _, _>>| it.graceful_shutdown();
        drive(connection, finish, &gather, &seat, &limits, true, watch).await;
        // It closes in order by itself, or is closed on because it floods.
        false
    } else {
        let io = TokioIo::new(if device {
            Guard::unwatched(tls)
        } else {
            Guard::http1(tls)
        });
        let connection = http1_builder(&limits).serve_connection(io, service);
        let finish = |it: std::pin::Pin<&mut http1::Connection<_, _>>| it.graceful_shutdown();
        drive(connection, finish, &gather, &seat, &limits, !device, watch).await
    };
    if left {
        drain(&gather, &seat, &limits, stop).await;
    }
}

/// Drives a connection to its end, which comes at a stop, for want of progress, and for another connection's sake too; where
/// it `ages`, after its time as well. Says whether it ended in order and by itself: then it may have left behind what the
/// client is slow to take. Whatever the connection held, such as the turn of a request for a lock, is given back.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    finish: impl Fn(std::pin::Pin<&mut C>),
    gather: &Gather<TlsStream<Corked>>,
    seat: &Seat,
    limits: &Limits,
    mut ages: bool,
    mut stop: watch::Receiver<bool>,
) -> bool {
    let progress = &seat.progress;
    let mut connection = pin!(connection);
    let old = tokio::time::sleep(limits.connection_time);
    let mut old = pin!(old);
    let linger = loop {
        tokio::select! {
            end = gather.turns(connection.as_mut()) => {
                return end.map_or_else(|error| error.is_timeout(), |()| true);
            }
            _ = stop.wait_for(|stop| *stop) => break LINGER,
            () = progress.stalled(limits.idle_time) => break LINGER,
            () = progress.asked_to_leave() => break HURRY,
            () = old.as_mut(), if ages => {
                // No more requests; what is on its way may arrive.
                ages = false;
                finish(connection.as_mut());
            }
        }
    };
    finish(connection.as_mut());
    let _ = tokio::time::timeout(linger, gather.turns(connection)).await;
    false
}

/// Sends what a connection left behind, for as long as a client may go without progress.
async fn drain(
    gather: &Gather<TlsStream<Corked>>,
    seat: &Seat,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
) {
    let mut drained = pin!(gather.drain());
    let linger = tokio::select! {
        _ = tokio::time::timeout(limits.idle_time, drained.as_mut()) => return,
        _ = stop.wait_for(|stop| *stop) => LINGER,
        () = seat.progress.asked_to_leave() => HURRY,
    };
    let _ = tokio::time::timeout(linger, drained).await;
}

async fn handshake(shared: &Shared, stream: TcpStream) -> Option<(TlsStream<Corked>, Chosen)> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), Corked::new(stream))
        .await
        .ok()?;
    let (config, chosen) = shared.tls.choose(&start.client_hello());
    let tls = start.into_stream_with(config, |tls| tls.set_buffer_limit(Some(TLS_BUFFER)));
    let tls = tls.await.ok()?;
    Some((tls, chosen))
}

/// The device's key, and what binds a proof to this connection.
fn binding(shared: &Shared, tls: &TlsStream<Corked>) -> Option<Binding> {
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

/// Without `pipeline_flush`: with it, hyper never sends its own 400 or 431 to a request that it cannot read.
fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_header_size(limits.header_bytes)
        .max_headers(limits.header_fields)
        .max_buf_size(limits.header_bytes.max(8192));
    builder
}

fn http2_builder(limits: &Limits, streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(ERRORS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
