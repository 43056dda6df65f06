//! `cargo xtask`; see the library `xtask-site`.

fn main() -> std::process::ExitCode {
    xtask_site::main()
}
