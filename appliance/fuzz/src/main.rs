//! One binary for all targets. With the feature `libfuzzer` it hunts, for the target that `HOLDFAST_FUZZ_TARGET` names;
//! without it, it runs a target on files, such as one that the hunt has found: `holdfast-fuzz TARGET FILE…`.

#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
mod hunt {
    use std::sync::LazyLock;

    static TARGET: LazyLock<holdfast_fuzz::Target> = LazyLock::new(|| {
        let name = std::env::var("HOLDFAST_FUZZ_TARGET").unwrap_or_default();
        holdfast_fuzz::target(&name).unwrap_or_else(|| {
            eprintln!("there is no target `{name}`; set HOLDFAST_FUZZ_TARGET to a folder's name of appliance/fuzz/corpus");
            std::process::exit(2)
        })
    });

    libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
}

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(target) = holdfast_fuzz::target(&name) else {
        let names: Vec<_> = holdfast_fuzz::TARGETS
            .iter()
            .map(|target| target.name)
            .collect();
        eprintln!(
            "usage: holdfast-fuzz TARGET FILE…\ntargets: {}",
            names.join(" ")
        );
        return std::process::ExitCode::from(2);
    };
    for path in arguments {
        match std::fs::read(&path) {
            Ok(bytes) => (target.run)(&bytes),
            Err(error) => {
                eprintln!("cannot read {path}: {error}; name a file that is there");
                return std::process::ExitCode::FAILURE;
            }
        }
        println!("{path}: holds");
    }
    std::process::ExitCode::SUCCESS
}
