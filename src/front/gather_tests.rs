//! Gathered writes: nothing leaves within a poll, everything leaves after it, and a socket that
//! takes nothing stops the writer.

use super::*;
use std::task::Waker;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn pair(room: usize) -> (Gather<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    (Gather::new(near), far)
}

fn write(gather: &mut Gather<DuplexStream>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(gather).poll_write(&mut Context::from_waker(Waker::noop()), bytes)
}

fn read_now(far: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let mut buffer = ReadBuf::new(&mut bytes);
    let _ = Pin::new(far).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
    buffer.filled().to_vec()
}

#[test]
fn what_is_written_and_flushed_in_a_poll_leaves_after_it_and_at_once() {
    let (mut gather, mut far) = pair(1 << 20);
    let cx = &mut Context::from_waker(Waker::noop());
    gather.hold();
    for _ in 0..32 {
        assert!(write(&mut gather, b"frame").is_ready());
        assert!(Pin::new(&mut gather).poll_flush(cx).is_ready());
    }
    assert_eq!(read_now(&mut far), b"");
    gather.release(cx);
    assert_eq!(read_now(&mut far), b"frame".repeat(32));
}

#[test]
fn a_flush_outside_a_poll_is_a_flush() {
    let (mut gather, mut far) = pair(64);
    assert!(write(&mut gather, b"late").is_ready());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut gather).poll_flush(cx).is_ready());
    assert_eq!(read_now(&mut far), b"late");
}

#[test]
fn a_full_buffer_and_a_full_socket_stop_the_writer() {
    let (mut gather, mut far) = pair(1000);
    let cx = &mut Context::from_waker(Waker::noop());
    gather.hold();
    let big = vec![7; 3 * LIMIT];
    let mut accepted = 0;
    while let Poll::Ready(written) = write(&mut gather, &big) {
        accepted += written.unwrap();
        assert!(accepted <= LIMIT + 1000, "more is held than the bound");
    }
    assert_eq!(accepted, LIMIT + 1000);
    assert!(write(&mut gather, b"x").is_pending());
    gather.release(cx);

    // What the other end takes makes room for exactly as much.
    assert_eq!(read_now(&mut far).len(), 1000);
    gather.hold();
    assert!(matches!(write(&mut gather, &big), Poll::Ready(Ok(1000))));
}

#[tokio::test]
async fn a_slow_reader_gets_everything_in_order() {
    let (mut gather, mut far) = pair(17);
    let sent: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let writer = async move {
        let mut rest = &sent[..];
        std::future::poll_fn(|cx| {
            gather.hold();
            let mut over = false;
            while !rest.is_empty() {
                match Pin::new(&mut gather).poll_write(cx, rest) {
                    Poll::Ready(written) => rest = &rest[written.unwrap()..],
                    Poll::Pending => break,
                }
            }
            if rest.is_empty() {
                over = true;
            }
            gather.release(cx);
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        gather.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (_, read) = tokio::join!(writer, far.read_to_end(&mut got));
    read.unwrap();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn a_shutdown_drains_first() {
    let (mut gather, mut far) = pair(8);
    gather.hold();
    assert!(write(&mut gather, b"the last GOAWAY").is_ready());
    let shutdown = gather.shutdown();
    let mut got = Vec::new();
    let (over, read) = tokio::join!(shutdown, far.read_to_end(&mut got));
    over.unwrap();
    read.unwrap();
    assert_eq!(got, b"the last GOAWAY");
}

#[test]
fn an_error_met_after_a_poll_is_told_to_the_next_one() {
    let (mut gather, far) = pair(64);
    let cx = &mut Context::from_waker(Waker::noop());
    gather.hold();
    assert!(write(&mut gather, b"frame").is_ready());
    drop(far);
    gather.release(cx);
    gather.hold();
    assert!(matches!(write(&mut gather, b"frame"), Poll::Ready(Err(_))));
}
