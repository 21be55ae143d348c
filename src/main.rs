//! The one binary: the window, or a verb.

fn main() -> std::process::ExitCode {
    handful::cli::main()
}
