//! Small files that are whole at any time: written beside the old one and renamed over it, so that a crash
//! leaves either.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to the file at `path`.
///
/// # Errors
/// The system's; the old file is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = PathBuf::from([path.as_os_str(), ".new".as_ref()].join("".as_ref()));
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name is as safe as the bytes only when its folder is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The file at `path`, or `None` where there is none.
///
/// # Errors
/// The system's, or that it is longer than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // A pipe would be waited for.
    let open = |path: &Path| match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("it is no file")),
    };
    match open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > most => {
            Err(io::Error::other(format!("it is longer than {most} bytes")))
        }
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
