//! Connections whose other end has gone, or stays and says nothing, at every stage that a connection has.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::serving::{Serving, review};
use crate::wire::{PATIENCE, drip, get, shake_hands, until_closed};
use crate::{EXAMPLE, gateway};

/// The longest that the server waits for a head, and some more for a busy machine.
const HEAD: Duration = Duration::from_secs(120 + 30);

fn serving() -> Serving {
    Serving::start(Path::new(EXAMPLE), &[])
}

fn head(length: usize) -> String {
    format!(
        "POST /validate?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Lets the connection end by a reset and not by a farewell.
fn reset(stream: TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let _inside = runtime.enter();
    stream.set_nonblocking(true).expect("a socket");
    let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
    stream.set_zero_linger().expect("a socket");
}

/// How many files the process has open.
fn files(serving: &Serving) -> usize {
    fs::read_dir(format!("/proc/{}/fd", serving.child.id())).expect("it runs").count()
}

#[test]
fn resets_at_every_stage_leave_nothing_behind() {
    let serving = serving();
    serving.serves_others();
    let before = files(&serving);
    let body = review(None, Some(&gateway(&["*"])), true).to_string();
    let hello = {
        let mut stream = serving.tls();
        let mut hello = Vec::new();
        stream.conn.write_tls(&mut hello).expect("a greeting");
        hello
    };
    for _ in 0..50 {
        // Nothing said; half a greeting; a whole one; and then the rest of the handshake never comes.
        for sent in [&[][..], &hello[..20], &hello] {
            let mut stream = serving.tcp();
            stream.write_all(sent).expect("sent");
            reset(stream);
        }
        // Inside of TLS: nothing, half a head, half a body, all of it with nobody to hear the answer, and two at once.
        for sent in [
            String::new(),
            head(9)[..30].to_owned(),
            head(body.len()) + &body[..body.len() / 2],
            head(body.len()) + &body,
            (head(body.len()) + &body).repeat(2),
        ] {
            let mut stream = serving.tls();
            shake_hands(&mut stream);
            stream.write_all(sent.as_bytes()).expect("sent");
            stream.flush().expect("sent");
            reset(stream.sock);
        }
    }
    serving.serves_others();
    let started = Instant::now();
    while files(&serving) > before || !get(&serving, "/metrics").1.contains("plumbline_connections 1\n") {
        assert!(
            started.elapsed() < PATIENCE,
            "{} files, once {before}: {}",
            files(&serving),
            get(&serving, "/metrics").1
        );
        thread::sleep(Duration::from_millis(100));
    }
    assert!(get(&serving, "/metrics").1.contains("plumbline_reviews_in_flight 0\n"));
    assert!(serving.peak() < 128, "{} MiB", serving.peak());
}

#[test]
fn who_says_nothing_more_is_cut_off_at_every_stage() {
    let serving = serving();
    let greeting = {
        let mut stream = serving.tls();
        let mut hello = Vec::new();
        stream.conn.write_tls(&mut hello).expect("a greeting");
        hello
    };
    let timed = |stage: &'static str, limit: Duration, wait: &dyn Fn() -> String| {
        let started = Instant::now();
        let said = wait();
        assert!(started.elapsed() < limit, "{stage} took {:?}: {said}", started.elapsed());
        assert!(!said.contains("\"allowed\""), "{stage}: {said}");
    };
    let patient = |seconds: Duration| {
        let stream = serving.tls();
        stream.sock.set_read_timeout(Some(seconds)).expect("a time");
        stream
    };
    thread::scope(|scope| {
        // The server has answered the greeting and waits for what the client makes of it.
        scope.spawn(|| {
            timed("half a handshake", PATIENCE, &|| {
                let mut stream = serving.tcp();
                stream.write_all(&greeting).expect("sent");
                until_closed(&mut stream)
            });
        });
        // A handshake, and then nothing.
        scope.spawn(|| {
            timed("no request", HEAD, &|| {
                let mut stream = patient(HEAD);
                shake_hands(&mut stream);
                until_closed(&mut stream)
            });
        });
        // A head of which there is always a bit more.
        scope.spawn(|| {
            timed("a head that drips", HEAD, &|| {
                let mut stream = patient(Duration::from_millis(500));
                stream.write_all(b"POST /validate HTTP/1.1\r\nHost: a\r\nX: ").expect("sent");
                drip(&mut stream, b"x", HEAD)
            });
        });
        // Requests without end, of whose answers none is taken.
        scope.spawn(|| {
            timed("answers that nobody takes", HEAD, &|| {
                let mut stream = patient(HEAD);
                shake_hands(&mut stream);
                stream.sock.set_write_timeout(Some(Duration::from_secs(5))).expect("a time");
                let requests = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
                let started = Instant::now();
                loop {
                    assert!(started.elapsed() < PATIENCE * 2, "a connection is held for who takes nothing");
                    match stream.write_all(requests.as_bytes()).and_then(|()| stream.flush()) {
                        Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break error.to_string(),
                        Ok(()) | Err(_) => {}
                    }
                }
            });
        });
        for _ in 0..20 {
            serving.serves_others();
            thread::sleep(Duration::from_secs(1));
        }
    });
    serving.serves_others();
    assert!(serving.peak() < 128, "{} MiB", serving.peak());
    assert!(get(&serving, "/metrics").1.contains("plumbline_connections 1\n"), "{}", get(&serving, "/metrics").1);
}

#[test]
fn bodies_that_nobody_finishes_fill_their_room_and_no_more() {
    let serving = serving();
    let sent = head(7 * 1024 * 1024) + &" ".repeat(6 * 1024 * 1024);
    let answers: Vec<_> = thread::scope(|scope| {
        let held: Vec<_> = (0..40)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = serving.tls();
                    // Where there is no room, the server closes before it has all.
                    let _ = stream.write_all(sent.as_bytes()).and_then(|()| stream.flush());
                    until_closed(&mut stream)
                })
            })
            .collect();
        for _ in 0..5 {
            serving.serves_others();
        }
        held.into_iter().map(|one| one.join().expect("cut off")).collect()
    });
    let with =
        |status: &str| answers.iter().filter(|answer| answer.starts_with(&format!("HTTP/1.1 {status} "))).count();
    assert!(answers.iter().all(|answer| !answer.contains("\"allowed\"")), "{answers:?}");
    assert!(with("408") > 0 && with("503") > 0, "{answers:?}");
    // Without a limit they would be 240 MiB.
    assert!(serving.peak() < 160, "{} MiB", serving.peak());
    serving.serves_others();
}
