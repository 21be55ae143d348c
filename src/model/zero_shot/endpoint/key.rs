//! The key of an endpoint: where it comes from, and that it is shown nowhere.

use std::fmt;
use std::process::{Command, Stdio};

use super::EndpointError;

/// The environment variable a key is looked for in when no other is named. `OPENAI_API_KEY` is read only where it is named, so that a key
/// meant for one service is not sent to another.
pub const KEY_VARIABLE: &str = "HANDFUL_ENDPOINT_KEY";

/// A key. It has no `Display`, and its `Debug` shows nothing of it; it is never written anywhere but into the header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key, without white space around it.
    ///
    /// # Errors
    /// [`EndpointError::Key`] for one that is empty or has signs a header cannot carry. `from` says where it came from.
    pub fn new(key: &str, from: &str) -> Result<Key, EndpointError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(EndpointError::Key { from: from.to_owned() });
        }
        Ok(Key(key.to_owned()))
    }

    /// The key in an environment variable; `None` where it is not set or empty.
    ///
    /// # Errors
    /// Those of [`Key::new`].
    pub fn from_env(variable: &str) -> Result<Option<Key>, EndpointError> {
        if variable.is_empty() || variable.contains(['=', '\0']) {
            return Ok(None);
        }
        match std::env::var_os(variable) {
            Some(value) if !value.is_empty() => Ok(Some(Key::new(&value.to_string_lossy(), variable)?)),
            _ => Ok(None),
        }
    }

    /// The first line a command prints, such as `secret-tool lookup service handful`: so a key is read from the keyring of any system by the
    /// system's own tool. The shell runs it; it may ask questions on the terminal, and is waited for.
    ///
    /// # Errors
    /// [`EndpointError::KeyCommand`] where it cannot be run or fails, which repeats neither the command nor what it printed; those of
    /// [`Key::new`].
    pub fn from_command(command: &str) -> Result<Key, EndpointError> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let ran = Command::new(shell)
            .args([flag, command])
            .stdin(Stdio::inherit())
            .stderr(Stdio::inherit())
            .output();
        let failed = |why: String| EndpointError::KeyCommand { why };
        let output = ran.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(output.status.to_string()));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        Key::new(printed.lines().next().unwrap_or_default(), "the command")
    }

    /// The header's value.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// `text` without the key, which some servers repeat.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.0, "…")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_and_not_shown() {
        let key = Key::new(" sk-s3cret\n", "here").unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
        assert_eq!(key.bearer(), "Bearer sk-s3cret");
        assert_eq!(key.hidden_in("no such key: sk-s3cret."), "no such key: ….");
        for wrong in ["", "  ", "s3cret with spaces", "s3cret\r\nX-Other: 1", "s3crét"] {
            let error = Key::new(wrong, "SOME_VARIABLE").unwrap_err();
            assert!(error.to_string().contains("SOME_VARIABLE"));
            assert!(!format!("{error} {error:?}").contains("s3cr"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn commands_print_keys() {
        let key = Key::from_command("printf 'sk-%s\\nmore\\n' s3cret").unwrap();
        assert_eq!(key.bearer(), "Bearer sk-s3cret");
        let failed = Key::from_command("echo s3cret; exit 3").unwrap_err();
        assert!(matches!(failed, EndpointError::KeyCommand { .. }));
        assert!(failed.to_string().contains('3') && !format!("{failed} {failed:?}").contains("s3cret"));
        assert!(matches!(Key::from_command("true"), Err(EndpointError::Key { .. })));
    }

    #[test]
    fn variables_that_are_not_set_give_no_key() {
        assert_eq!(Key::from_env("HANDFUL_NO_SUCH_VARIABLE").unwrap(), None);
        assert_eq!(Key::from_env("").unwrap(), None);
        assert_eq!(Key::from_env("A=B").unwrap(), None);
    }
}
