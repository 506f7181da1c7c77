//! Frames and the states of streams (RFC 9113, sections 4 to 6).

use super::*;

#[test]
fn frames_are_validated() {
    let appliance = Appliance::start();
    run(
        &appliance,
        opened,
        &[
            (
                "4.1",
                "a frame of unknown type",
                |c| {
                    c.send(99, 0xff, 0, b"whatever");
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "4.1",
                "unknown flags and the reserved bit",
                |c| {
                    let mut ping = frame(PING, 0x10, 0, &[0; 8]);
                    ping[5] |= 0x80;
                    c.write(&ping);
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "4.2",
                "a frame above SETTINGS_MAX_FRAME_SIZE",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_HEADERS, 1, &block);
                    c.write(&frame(DATA, 0, 1, &[0; 16_385])[..100]);
                },
                &[GoAway(error::FRAME_SIZE), Status(200)],
            ),
            (
                "4.2",
                "a large frame of unknown type",
                |c| {
                    c.write(&frame(99, 0, 0, &[0; 16_385])[..100]);
                },
                SIZE,
            ),
            (
                "4.3",
                "a header block that cannot be decoded",
                |c| {
                    c.send(HEADERS, WHOLE, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
                },
                &[GoAway(error::COMPRESSION), GoAway(error::PROTOCOL)],
            ),
            (
                "4.3",
                "an index beyond the table (RFC 7541, 2.3.3)",
                |c| {
                    c.send(HEADERS, WHOLE, 1, &[0xff, 0x20]);
                },
                &[GoAway(error::COMPRESSION), GoAway(error::PROTOCOL)],
            ),
            (
                "4.3",
                "a table above its bound (RFC 7541, 6.3)",
                |c| {
                    let mut block = vec![0x3f, 0xe1, 0xff, 0x03];
                    block.extend(c.get("/", &[]));
                    c.send(HEADERS, WHOLE, 1, &block);
                },
                &[GoAway(error::COMPRESSION), GoAway(error::PROTOCOL)],
            ),
            (
                "5.1.1",
                "an even stream",
                |c| {
                    c.ask(2, "/");
                },
                PROTOCOL,
            ),
            (
                "5.1.1",
                "HEADERS on stream 0",
                |c| {
                    c.ask(0, "/");
                },
                PROTOCOL,
            ),
            (
                "5.1.1",
                "a lower stream than before",
                |c| {
                    let mut bytes = frame(HEADERS, WHOLE, 5, &c.get("/", &[]));
                    bytes.extend(frame(HEADERS, WHOLE, 3, &c.get("/", &[])));
                    c.write(&bytes);
                },
                &[GoAway(error::PROTOCOL), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.1",
                "DATA on an idle stream",
                |c| {
                    c.send(DATA, 0, 1, b"a");
                },
                PROTOCOL,
            ),
            (
                "5.1",
                "RST_STREAM on an idle stream",
                |c| {
                    c.send(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
                },
                PROTOCOL,
            ),
            (
                "5.1",
                "WINDOW_UPDATE on an idle stream",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 8]);
                },
                PROTOCOL,
            ),
            (
                "5.1",
                "DATA after the end of the stream",
                |c| {
                    let mut bytes = frame(HEADERS, WHOLE, 1, &c.get("/", &[]));
                    bytes.extend(frame(DATA, END_STREAM, 1, b"a"));
                    c.write(&bytes);
                },
                &[Reset(error::STREAM_CLOSED), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.1",
                "HEADERS after the end of the stream",
                |c| {
                    let mut bytes = frame(HEADERS, WHOLE, 1, &c.get("/", &[]));
                    bytes.extend(frame(HEADERS, WHOLE, 1, &c.get("/", &[])));
                    c.write(&bytes);
                },
                &[Reset(error::STREAM_CLOSED), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.1",
                "DATA after RST_STREAM",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]));
                    bytes.extend(frame(DATA, END_STREAM, 1, b"a"));
                    c.write(&bytes);
                },
                &[Reset(error::STREAM_CLOSED), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.3.2",
                "PRIORITY on an idle stream",
                |c| {
                    c.send(PRIORITY, 0, 1, &[0, 0, 0, 3, 15]);
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "6.1",
                "DATA on stream 0",
                |c| {
                    c.send(DATA, 0, 0, b"a");
                },
                PROTOCOL,
            ),
            (
                "6.1",
                "more padding than DATA",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(DATA, PADDED, 1, &[200, 1, 2]));
                    c.write(&bytes);
                },
                PROTOCOL,
            ),
            (
                "6.2",
                "more padding than HEADERS",
                |c| {
                    c.send(HEADERS, WHOLE | PADDED, 1, &[200, 1, 2]);
                },
                PROTOCOL,
            ),
            (
                "6.3",
                "PRIORITY of four bytes",
                |c| {
                    c.send(PRIORITY, 0, 1, &[0; 4]);
                },
                SIZE,
            ),
            (
                "6.3",
                "PRIORITY on stream 0",
                |c| {
                    c.send(PRIORITY, 0, 0, &[0, 0, 0, 3, 15]);
                },
                PROTOCOL,
            ),
            (
                "6.4",
                "RST_STREAM of three bytes",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(RST_STREAM, 0, 1, &[0; 3]));
                    c.write(&bytes);
                },
                SIZE,
            ),
            (
                "6.4",
                "RST_STREAM on stream 0",
                |c| {
                    c.send(RST_STREAM, 0, 0, &[0; 4]);
                },
                PROTOCOL,
            ),
            (
                "6.5",
                "SETTINGS of five bytes",
                |c| {
                    c.send(SETTINGS, 0, 0, &[0; 5]);
                },
                SIZE,
            ),
            (
                "6.5",
                "an acknowledgement with parameters",
                |c| {
                    c.send(SETTINGS, ACK, 0, &parameters(&[(3, 1)]));
                },
                SIZE,
            ),
            (
                "6.5",
                "SETTINGS on a stream",
                |c| {
                    c.send(SETTINGS, 0, 1, &[]);
                },
                PROTOCOL,
            ),
            (
                "6.5.2",
                "an unknown parameter",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(0xff, 1)]));
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "6.5.2",
                "ENABLE_PUSH of 2",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(2, 2)]));
                },
                PROTOCOL,
            ),
            (
                "6.5.2",
                "INITIAL_WINDOW_SIZE above 2^31-1",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(4, 1 << 31)]));
                },
                &[GoAway(error::FLOW_CONTROL)],
            ),
            (
                "6.5.2",
                "MAX_FRAME_SIZE below 16 384",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(5, 16_383)]));
                },
                PROTOCOL,
            ),
            (
                "6.5.2",
                "MAX_FRAME_SIZE above 2^24-1",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(5, 1 << 24)]));
                },
                PROTOCOL,
            ),
            (
                "6.7",
                "PING of seven bytes",
                |c| {
                    c.send(PING, 0, 0, &[0; 7]);
                },
                SIZE,
            ),
            (
                "6.7",
                "PING on a stream",
                |c| {
                    c.send(PING, 0, 1, &[0; 8]);
                },
                PROTOCOL,
            ),
            (
                "6.8",
                "GOAWAY on a stream",
                |c| {
                    c.send(GOAWAY, 0, 1, &[0; 8]);
                },
                PROTOCOL,
            ),
            (
                "6.9",
                "WINDOW_UPDATE of three bytes",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 0, &[0; 3]);
                },
                SIZE,
            ),
            (
                "6.9",
                "a window that grows by nothing",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 0, &[0; 4]);
                },
                PROTOCOL,
            ),
            (
                "6.9.1",
                "a window above 2^31-1",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]);
                },
                &[GoAway(error::FLOW_CONTROL)],
            ),
            (
                "6.9.1",
                "more DATA than the window",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    for _ in 0..5 {
                        bytes.extend(frame(DATA, 0, 1, &[0; 16_384]));
                    }
                    c.write(&bytes);
                },
                &[
                    GoAway(error::FLOW_CONTROL),
                    Reset(error::FLOW_CONTROL),
                    Status(200),
                ],
            ),
            (
                "6.10",
                "CONTINUATION without HEADERS",
                |c| {
                    c.send(CONTINUATION, END_HEADERS, 1, &[]);
                },
                PROTOCOL,
            ),
            (
                "6.10",
                "a header in two frames",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_STREAM, 1, &block[..10]);
                    c.send(CONTINUATION, END_HEADERS, 1, &block[10..]);
                },
                FINE,
            ),
            (
                "6.10",
                "another frame in the middle of a header",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_STREAM, 1, &block[..10]);
                    c.send(PING, 0, 0, &[0; 8]);
                },
                PROTOCOL,
            ),
            (
                "6.10",
                "CONTINUATION of another stream",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_STREAM, 1, &block[..10]);
                    c.send(CONTINUATION, END_HEADERS, 3, &block[10..]);
                },
                PROTOCOL,
            ),
        ],
    );
}
