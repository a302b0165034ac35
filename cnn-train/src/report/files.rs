//! Files that are written whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside its place and renames it: where the disk is full or the program is stopped, the old file stays, and
/// no half-written one is ever there.
///
/// # Errors
/// Where the folder is not there, may not be written to, or is full.
///
/// ```
/// let folder = std::env::temp_dir();
/// cnn_train::report::write_file(&folder.join("cnn-train-example.txt"), b"whole")?;
/// # std::fs::remove_file(folder.join("cnn-train-example.txt"))?;
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As other files are made, less what the user's mask takes away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Adds to a file's end; where that fails the file is as long as it was.
pub(super) fn append(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    let length = file.metadata()?.len();
    file.write_all(content).and_then(|()| file.sync_data()).inspect_err(|_| {
        // The first failure is what is told.
        let _ = file.set_len(length);
    })
}
