//! The tool as CI compiles it: it knows the sources that it was compiled from. Here a variable tells them.

fn main() -> std::process::ExitCode {
    if let Ok(sources) = std::env::var("XTASK_TEST_SOURCES") {
        xtask_site::COMPILED_FROM.get_or_init(|| sources);
    }
    xtask_site::main()
}
