//! A small server for tests: speaks HTTP on a port of this machine and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request line and the headers.
    pub head: String,
    pub body: Value,
    /// Its place among all requests.
    pub at: usize,
}

impl Asked {
    pub fn wants_probabilities(&self) -> bool {
        self.body["logprobs"] == json!(true)
    }

    pub fn prompt(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap()
    }
}

/// What is answered.
pub enum Says {
    /// A status, more headers, a body.
    Whole(u16, &'static str, String),
    /// The same after a while.
    Late(Duration, Box<Says>),
    /// Half a body, then nothing more.
    Half,
}

impl Says {
    pub fn error(status: u16, message: &str) -> Says {
        Says::Whole(status, "", json!({ "error": { "message": message } }).to_string())
    }

    /// An answer without probabilities.
    pub fn text(content: &str) -> Says {
        completion(content, &Value::Null)
    }

    /// An answer with the probabilities of its first token.
    pub fn tokens(of: &[(&str, f64)]) -> Says {
        let top: Vec<Value> = of
            .iter()
            .map(|(token, p)| json!({ "token": token, "logprob": p.ln() }))
            .collect();
        let first = json!({ "token": of[0].0, "logprob": of[0].1.ln(), "top_logprobs": top });
        completion(of[0].0, &json!({ "content": [first] }))
    }
}

fn completion(content: &str, logprobs: &Value) -> Says {
    let choice = json!({ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content }, "logprobs": logprobs });
    let usage = json!({ "prompt_tokens": 50, "completion_tokens": 2, "total_tokens": 52 });
    let body = json!({ "id": "x", "object": "chat.completion", "choices": [choice], "usage": usage });
    Says::Whole(200, "", body.to_string())
}

pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    ends: Arc<AtomicBool>,
}

impl Server {
    pub fn new(says: impl Fn(&Asked) -> Says + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: format!("http://{}/v1", listener.local_addr().unwrap()),
            asked: Arc::default(),
            ends: Arc::default(),
        };
        let (asked, ends, says) = (server.asked.clone(), server.ends.clone(), Arc::new(says));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (asked, says, stream) = (asked.clone(), says.clone(), stream.unwrap());
                // A client that has gone away is part of some tests.
                thread::spawn(move || serve(stream, &asked, &*says));
            }
        });
        server
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let host = self.address.trim_start_matches("http://").trim_end_matches("/v1");
        let _ = TcpStream::connect(host);
    }
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, says: &dyn Fn(&Asked) -> Says) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = {
        let mut all = asked.lock().unwrap();
        let body = serde_json::from_slice(&body).unwrap();
        let at = all.len();
        all.push(Asked { head, body, at });
        all[at].clone()
    };
    answer(stream, says(&request))
}

fn answer(mut stream: TcpStream, says: Says) -> std::io::Result<()> {
    match says {
        Says::Late(by, says) => {
            thread::sleep(by);
            answer(stream, *says)
        }
        Says::Half => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"choices\":[{\"mess"),
        Says::Whole(status, headers, body) => {
            let n = body.len();
            let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {n}\r\nConnection: close\r\n{headers}\r\n");
            stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
        }
    }
}
