//! Small files that stand for content that is kept elsewhere.

/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>: a pointer has less than 1024 bytes, and the version is
/// its first line. The other two versions are from earlier names of the project.
pub fn is_lfs_pointer(head: &[u8], size: u64) -> bool {
    let versions: [&[u8]; 3] = [
        b"version https://git-lfs.github.com/spec/",
        b"version https://hawser.github.com/spec/",
        b"version http://git-media.io/v/",
    ];
    size <= 1024 && versions.iter().any(|version| head.starts_with(version))
}

/// <https://git-annex.branchable.com/internals/pointer_file/>
pub fn is_annex_pointer(head: &[u8], size: u64) -> bool {
    size <= 32 << 10 && head.starts_with(b"/annex/objects/")
}
