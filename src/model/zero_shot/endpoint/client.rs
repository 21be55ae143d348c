//! One request: sent, sent again where that may help, and its answer read within bounds. Nothing is followed elsewhere.

use std::io::{self, Read};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;
use ureq::http::Response;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::{Agent, Body};

use super::pace::{Pace, Stop, pause, retry_after};
use super::reply::{Reply, message, shortened};
use super::usage::Tally;
use super::{EndpointError, Settings};

/// Bytes that are read of an answer at most.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not wanted any more.
    Stopped,
    /// It could not be had.
    Endpoint(EndpointError),
}

/// Why one try failed.
enum Trouble {
    /// Asking again would not help.
    Lasting(EndpointError),
    /// It may help, after as long as the server says.
    Passing(EndpointError, Option<std::time::Duration>),
}

pub(super) struct Client {
    agent: Agent,
    settings: Settings,
    pace: Pace,
    pub tally: Tally,
}

impl Client {
    pub fn new(settings: Settings) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_global(Some(settings.timeout))
            .max_idle_connections_per_host(Settings::MOST_AT_ONCE)
            .user_agent(concat!("handful/", env!("CARGO_PKG_VERSION")));
        // What stays on this machine takes no way round through a proxy.
        let config = if settings.address.is_loopback() {
            config.proxy(None)
        } else {
            config
        };
        Client {
            agent: config.build().new_agent(),
            pace: Pace::new(settings.per_minute),
            settings,
            tally: Tally::default(),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a request until it is answered, or asking again does not help any more.
    pub fn ask(&self, request: &Value, stop: &Stop) -> Result<Reply, Failure> {
        let body = request.to_string();
        let mut n_asked = 0;
        loop {
            if !stop.wait_until(self.pace.reserve()) {
                return Err(Failure::Stopped);
            }
            n_asked += 1;
            self.tally.add(|usage| {
                usage.requests += 1;
                usage.repeated += u64::from(n_asked > 1);
            });
            match self.ask_once(&body, n_asked) {
                Ok(reply) => {
                    self.tally.add(|usage| match reply.tokens {
                        Some((prompt, completion)) => {
                            usage.prompt_tokens += prompt;
                            usage.completion_tokens += completion;
                        }
                        None => usage.uncounted += 1,
                    });
                    return Ok(reply);
                }
                Err(Trouble::Passing(error, after)) if n_asked <= self.settings.retries => {
                    let wait = pause(
                        n_asked - 1,
                        after,
                        (self.settings.first_wait, self.settings.longest_wait),
                    );
                    let at = Instant::now() + wait;
                    if matches!(error, EndpointError::Status { status: 429 | 503, .. }) {
                        self.pace.hold_until(at);
                    }
                    if !stop.wait_until(at) {
                        return Err(Failure::Stopped);
                    }
                }
                Err(Trouble::Passing(error, _) | Trouble::Lasting(error)) => return Err(Failure::Endpoint(error)),
            }
        }
    }

    fn ask_once(&self, request: &str, asked: u32) -> Result<Reply, Trouble> {
        let mut post = self
            .agent
            .post(self.settings.address.completions())
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.settings.key {
            post = post.header(AUTHORIZATION, key.bearer());
        }
        let response = post.send(request).map_err(|error| self.unsent(error, asked))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let after = header(RETRY_AFTER).and_then(|header| retry_after(header, Timestamp::now()));
        let to = shortened(header(LOCATION).unwrap_or("nowhere"));
        let body = self.body(response, asked)?;
        if (200..300).contains(&status) {
            return Reply::read(&body).map_err(|why| {
                Trouble::Lasting(EndpointError::Form {
                    host: self.host(),
                    why: self.without_key(&shortened(&why)),
                    excerpt: self.without_key(&shortened(&String::from_utf8_lossy(&body))),
                })
            });
        }
        let (host, message) = (self.host(), self.without_key(&message(&body)));
        let error = match status {
            300..=399 => EndpointError::Redirect { host, status, to },
            401 | 403 => EndpointError::Unauthorised { host, status, message },
            404 => EndpointError::NotFound {
                host,
                model: self.settings.model.clone(),
                message,
            },
            _ => EndpointError::Status {
                host,
                status,
                message,
                asked,
            },
        };
        Err(match status {
            501 => Trouble::Lasting(error),
            408 | 429 | 500.. => Trouble::Passing(error, after),
            _ => Trouble::Lasting(error),
        })
    }

    fn body(&self, response: Response<Body>, asked: u32) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        let reader = response.into_body().into_reader();
        let read = reader.take(MOST_BYTES + 1).read_to_end(&mut body);
        read.map_err(|error| self.unsent(error.into(), asked))?;
        if body.len() as u64 > MOST_BYTES {
            return Err(Trouble::Lasting(EndpointError::TooLong {
                host: self.host(),
                limit: MOST_BYTES,
            }));
        }
        Ok(body)
    }

    /// What went wrong on the way.
    fn unsent(&self, error: ureq::Error, asked: u32) -> Trouble {
        use io::ErrorKind as Kind;
        let host = self.host();
        let why = self.without_key(&shortened(&error.to_string()));
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => Trouble::Passing(
                EndpointError::TimedOut {
                    host,
                    secs: self.settings.connect_timeout.min(self.settings.timeout).as_secs_f64(),
                    asked,
                },
                None,
            ),
            ureq::Error::Timeout(_) => Trouble::Passing(
                EndpointError::TimedOut {
                    host,
                    secs: self.settings.timeout.as_secs_f64(),
                    asked,
                },
                None,
            ),
            ureq::Error::Io(error)
                if matches!(
                    error.kind(),
                    Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe
                ) =>
            {
                Trouble::Passing(EndpointError::CutOff { host, why, asked }, None)
            }
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) | ureq::Error::Decompress(..) => {
                Trouble::Lasting(EndpointError::Form {
                    host,
                    why,
                    excerpt: String::new(),
                })
            }
            _ => Trouble::Lasting(EndpointError::Unreachable { host, why }),
        }
    }

    fn host(&self) -> String {
        self.settings.address.host().to_owned()
    }

    fn without_key(&self, text: &str) -> String {
        let hide = |key: &super::Key| key.hidden_in(text);
        self.settings.key.as_ref().map_or_else(|| text.to_owned(), hide)
    }
}
