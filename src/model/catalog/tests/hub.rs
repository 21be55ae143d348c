//! The hub, against a server on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Instant;

use super::*;

fn hub(dir: &tempfile::TempDir, endpoint: &str) -> Hub {
    let (downloads, endpoint) = (dir.path().join("downloads"), Some(endpoint.to_owned()));
    Hub {
        downloads,
        endpoint,
        offline: false,
        answer_limit: Duration::from_secs(1),
    }
}

#[test]
fn a_hub_that_is_not_there_is_a_clear_error_within_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (endpoint, offline, reason) in [
        ("http://127.0.0.1:9", false, ""),
        (silent.as_str(), false, "no answer"),
        ("", true, "HF_HUB_OFFLINE"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(
            &dir,
            vec![Box::new(Hub {
                offline,
                ..hub(&dir, endpoint)
            })],
        );
        let begun = Instant::now();
        let message = catalog.get("tiny", &mut quiet).unwrap_err().to_string();
        assert!(
            message.contains("the hub (someone/tiny at 0123456)") && message.contains(reason),
            "{message}"
        );
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        assert_eq!(left(&catalog), Vec::<String>::new());
    }
}

/// Answers like the hub, cuts the first download of the weights off, and keeps the ranges it was asked for.
fn serve(cut_off_once: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut cut_off = cut_off_once;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            let Some(request) = lines.next() else { continue };
            let range = lines
                .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned))
                .unwrap_or_default();
            let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
            let prefix = format!("/{}/resolve/{}/", tiny().repo, tiny().revision);
            let Some((name, bytes)) = contents()
                .into_iter()
                .find(|(name, _)| path == format!("{prefix}{name}"))
            else {
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                continue;
            };
            let (from, to) = range.split_once('-').unwrap_or(("0", ""));
            let from: usize = from.parse().unwrap_or(0);
            let to = to.parse::<usize>().map_or(bytes.len(), |to| to + 1);
            if to == bytes.len() && to > 1 {
                log.lock().unwrap().push(format!("{name} from {from}"));
            }
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nx-repo-commit: {}\r\netag: \"{}\"\r\ncontent-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\nConnection: close\r\n\r\n",
                tiny().revision,
                sha256(&bytes),
                to - 1,
                bytes.len(),
                to - from
            );
            let mut body = &bytes[from..to];
            if body.len() > 100_000 && std::mem::take(&mut cut_off) {
                body = &body[..100_000];
            }
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    (endpoint, asked)
}

#[test]
fn the_hub_delivers_with_byte_progress() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, _) = serve(false);
    let catalog = catalog(&dir, vec![Box::new(hub(&dir, &endpoint))]);
    let mut most = 0;
    let path = catalog
        .get("tiny", &mut |progress| {
            if let Progress::Bytes { done, total } = progress {
                assert!(done <= total && total == tiny().bytes(), "{done} of {total}");
                most = most.max(done);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((most, path), (tiny().bytes(), catalog.folder().join("tiny")));
    assert!(!dir.path().join("downloads").exists(), "nothing is kept twice");
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, asked) = serve(true);
    let catalog = catalog(&dir, vec![Box::new(hub(&dir, &endpoint))]);
    catalog
        .get("tiny", &mut quiet)
        .or_else(|_| catalog.get("tiny", &mut quiet))
        .unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], "model.safetensors from 0");
    assert!(
        asked.iter().any(|line| line == "model.safetensors from 100000"),
        "{asked:?}"
    );
}
