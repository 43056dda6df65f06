//! The version number of the format in which one of the tool's own objects was written. The tool that reads an object
//! may be older or newer than the one that wrote it. So the number is in every such object, and is read before anything
//! else.

use serde::Deserialize;

/// Reads the `version` of a JSON object. Fails with the reason if a tool that knows the formats up to `newest` cannot
/// read it.
pub fn check(json: &[u8], newest: u32) -> Result<u32, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let version = serde_json::from_slice::<Version>(json).map_err(garbled)?.version;
    match version > newest {
        true => Err(format!("was written by a newer version of this tool (format {version})")),
        false => Ok(version),
    }
}

/// The message for an object that is not valid.
pub fn garbled(error: impl std::fmt::Display) -> String {
    format!("cannot be read ({error})")
}
