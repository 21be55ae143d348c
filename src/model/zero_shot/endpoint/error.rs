//! Why an endpoint gives no scores.

/// Why an endpoint gives no scores. No key is in any message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EndpointError {
    /// Not an address that can be asked.
    #[error("the address {address:?} cannot be used: {why}. Write it like http://localhost:11434/v1")]
    Address {
        /// As written; an ellipsis where it may hold a password.
        address: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A host that is not this machine, without permission.
    #[error(
        "{address} is not on this machine, and texts would be sent there; nothing was sent. Allow it with --allow-remote if they may leave, or \
         give the address of a server here"
    )]
    NotAllowed {
        /// The address.
        address: String,
    },
    /// A key that cannot be sent.
    #[error("the key from {from} is empty or has spaces or signs that no key has; set it again")]
    Key {
        /// Where it came from.
        from: String,
    },
    /// A command that gives no key.
    #[error("the command that should print the key failed ({why}); try it in a terminal")]
    KeyCommand {
        /// How it ended.
        why: String,
    },
    /// A setting out of its range.
    #[error("{what} must be {range}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// Nobody listens, or the host is not known.
    #[error("{host} cannot be reached: {why}. See whether the server is running and the address is right")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the system says.
        why: String,
    },
    /// Too slow, after every retry.
    #[error(
        "{host} did not answer within {secs} s, asked {asked} times; give it more time, fewer requests at once, or a smaller model"
    )]
    TimedOut {
        /// Host and port.
        host: String,
        /// The limit.
        secs: f64,
        /// How many times it was asked.
        asked: u32,
    },
    /// The connection broke amid an answer, after every retry.
    #[error("the answer of {host} was cut off, asked {asked} times: {why}")]
    CutOff {
        /// Host and port.
        host: String,
        /// What the system says.
        why: String,
        /// How many times it was asked.
        asked: u32,
    },
    /// A key is needed, or is not the right one.
    #[error("{host} does not let us in ({status}): {message}. Put the right key into the environment variable {KEY}, or name another place with --key-env or --key-command", KEY = super::KEY_VARIABLE)]
    Unauthorised {
        /// Host and port.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the server says, shortened.
        message: String,
    },
    /// Not found: the model or the path.
    #[error("{host} knows no model {model:?}, or the address is not that of its interface (404): {message}")]
    NotFound {
        /// Host and port.
        host: String,
        /// The model asked for.
        model: String,
        /// What the server says, shortened.
        message: String,
    },
    /// Another refusal, or errors after every retry.
    #[error("{host} answers with an error ({status}), asked {asked} times: {message}")]
    Status {
        /// Host and port.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the server says, shortened.
        message: String,
        /// How many times it was asked.
        asked: u32,
    },
    /// A redirect, which is not followed, lest texts go where nobody sent them.
    #[error("{host} sends us elsewhere ({status}), which is not followed; give the address it names: {to}")]
    Redirect {
        /// Host and port.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Where to, shortened.
        to: String,
    },
    /// More than is read of an answer.
    #[error(
        "the answer of {host} is longer than {limit} bytes, and one letter was asked for; see whether it is the right server"
    )]
    TooLong {
        /// Host and port.
        host: String,
        /// What is read at most.
        limit: u64,
    },
    /// An answer in another form.
    #[error("the answer of {host} is not that of an OpenAI-compatible interface: {why}. It begins {excerpt:?}")]
    Form {
        /// Host and port.
        host: String,
        /// What is wrong.
        why: String,
        /// Its beginning.
        excerpt: String,
    },
    /// No thread to ask on.
    #[error("no thread could be started to ask with: {why}")]
    Thread {
        /// What the system says.
        why: String,
    },
}
