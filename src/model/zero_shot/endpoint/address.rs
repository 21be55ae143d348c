//! Where an endpoint is.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

use super::EndpointError;

/// What follows an address in the requests made here; it is taken off where it is written out.
const PATH: &str = "/chat/completions";

/// The address of an OpenAI-compatible interface, such as `http://localhost:11434/v1`: http or https, without a user's name, a password or
/// a query, so that it may be shown anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    written: String,
    host: String,
    is_loopback: bool,
    is_encrypted: bool,
}

impl Address {
    /// Reads and checks an address.
    ///
    /// # Errors
    /// [`EndpointError::Address`], which repeats the address only where it can hold no password.
    pub fn new(written: &str) -> Result<Address, EndpointError> {
        let written = written.trim();
        let wrong = |why: &'static str| EndpointError::Address {
            address: if written.contains(['@', '?', '#']) {
                "…".to_owned()
            } else {
                written.chars().take(200).collect()
            },
            why,
        };
        if written.contains('@') {
            return Err(wrong(
                "it holds a user's name or a password; leave them out and give a key by the environment",
            ));
        }
        if written.contains(['?', '#']) {
            return Err(wrong(
                "it has a query; leave out what follows the question mark or number sign",
            ));
        }
        let uri: Uri = written.parse().map_err(|_| wrong("it is not an address"))?;
        let is_encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| wrong("it names no host"))?;
        let written = written.trim_end_matches('/');
        Ok(Address {
            written: written.strip_suffix(PATH).unwrap_or(written).to_owned(),
            host: authority.as_str().to_owned(),
            is_loopback: is_loopback(authority.host()),
            is_encrypted,
        })
    }

    /// Host and port, as they were written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether what is sent there stays on this machine: `localhost`, 127.0.0.0/8 or ::1.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// What people are told before anything is sent; `None` where nothing leaves this machine.
    pub fn remark(&self) -> Option<String> {
        let unencrypted = if self.is_encrypted { "" } else { " (not encrypted)" };
        (!self.is_loopback).then(|| format!("texts leave this machine: {self}{unencrypted}"))
    }

    /// Where requests go.
    pub(super) fn completions(&self) -> String {
        [self.written.as_str(), PATH].concat()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (written, shown, host, is_loopback) in [
            (
                "http://localhost:11434/v1",
                "http://localhost:11434/v1",
                "localhost:11434",
                true,
            ),
            (
                " http://127.0.0.1:8080/v1/ ",
                "http://127.0.0.1:8080/v1",
                "127.0.0.1:8080",
                true,
            ),
            (
                "http://[::1]:8000/v1/chat/completions",
                "http://[::1]:8000/v1",
                "[::1]:8000",
                true,
            ),
            (
                "https://api.example.com/v1",
                "https://api.example.com/v1",
                "api.example.com",
                false,
            ),
            (
                "http://192.168.1.7:8000",
                "http://192.168.1.7:8000",
                "192.168.1.7:8000",
                false,
            ),
            (
                "http://localhost.example.com",
                "http://localhost.example.com",
                "localhost.example.com",
                false,
            ),
            (
                "http://127.0.0.1.example.com",
                "http://127.0.0.1.example.com",
                "127.0.0.1.example.com",
                false,
            ),
        ] {
            let address = Address::new(written).unwrap();
            assert_eq!((address.to_string().as_str(), address.host()), (shown, host));
            assert_eq!(address.is_loopback(), is_loopback, "{written}");
            assert_eq!(address.completions(), format!("{shown}/chat/completions"));
        }
    }

    #[test]
    fn remote_addresses_are_remarked_on() {
        let remark = |written| Address::new(written).unwrap().remark();
        assert_eq!(remark("http://localhost:1/v1"), None);
        assert_eq!(
            remark("https://api.example.com/v1").unwrap(),
            "texts leave this machine: https://api.example.com/v1"
        );
        assert!(remark("http://10.0.0.1").unwrap().ends_with("(not encrypted)"));
    }

    #[test]
    fn others_are_refused_without_repeating_a_password() {
        for written in [
            "",
            "localhost:11434",
            "ftp://example.com",
            "file:///etc/passwd",
            "http://",
            "not an address",
            "http://user:s3cret@example.com/v1",
            "https://example.com/v1?key=s3cret",
            "https://example.com/v1#s3cret",
        ] {
            let error = Address::new(written).unwrap_err();
            assert!(matches!(error, EndpointError::Address { .. }), "{written}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
