//! `tidegate check FILE`: everything that `run` does with a configuration short of binding, and so
//! what `run` does first. Certificates and error pages are loaded as if they were to be served.

use std::path::Path;
use std::slice;

use super::Exit;
use super::terminal::{complain, say};
use crate::base::Clock;
use crate::config::{self, Config, Errors, Ids, Loaded, Pem, Spot};
use crate::net::{client_tls, tls};
use crate::reply::template::Template;

/// Checks `file` and says what it holds, or all that is wrong with it.
pub(super) fn check(file: &Path, effective: bool) -> Exit {
    let (loaded, warnings) = match load(file, &Ids::default()) {
        Ok(checked) => checked,
        Err(errors) => {
            complain(errors.to_string().trim_end());
            return Exit::Failed;
        }
    };
    for warning in warnings {
        complain(format_args!("{}: warning: {warning}", file.display()));
    }
    if effective {
        say(loaded.effective().trim_end());
    } else {
        say(format_args!("{}: ok ({})", file.display(), summary(&loaded.config)));
    }
    Exit::Ok
}

/// Loads `file` and judges the certificates and pages that it names; gives warnings beside what it
/// means.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub(super) fn load(file: &Path, ids: &Ids) -> Result<(Loaded, Vec<String>), Errors> {
    let loaded = config::load(file, ids)?;
    let mut warnings = Vec::new();
    let mut found: Vec<Errors> = Vec::new();
    for (index, certificate) in loaded.config.certificates.iter().enumerate() {
        let http2 = loaded.config.http2.enabled;
        match tls::prepare(slice::from_ref(certificate), http2, Clock::system().wall()) {
            Ok(mut prepared) => warnings.append(&mut prepared.warnings),
            Err(errors) => found.extend(errors.into_iter().map(|error| {
                let of_key = matches!((&certificate.key, &error.file),
                    (Pem::File(key), Some(file)) if key == file);
                let spot = if of_key { Spot::Key(index) } else { Spot::Chain(index) };
                loaded.error_at(spot, error.what, error.remedy)
            })),
        }
    }
    let clusters = loaded.config.clusters.iter();
    let clusters = clusters.map(|cluster| (Spot::Roots(&cluster.name), &cluster.roots));
    let streams = loaded.config.purge.streams.iter().enumerate();
    let streams = streams.map(|(index, stream)| (Spot::StreamRoots(index), &stream.roots));
    for (spot, roots) in clusters.chain(streams) {
        if let Some(roots) = roots
            && let Err(why) = client_tls::client_config(Some(roots), None)
        {
            let hint = "name a file with the authorities' certificates in PEM";
            found.push(loaded.error_at(spot, why, hint));
        }
    }
    for site in &loaded.config.sites {
        if let Some(page) = &site.answers.error_page
            && let Err(error) = Template::read(page)
        {
            found.push(loaded.error_at(Spot::ErrorPage(&site.name), error.what, error.remedy));
        }
    }
    let all = found.into_iter().reduce(|mut all, errors| {
        all.join(errors);
        all
    });
    all.map_or(Ok((loaded, warnings)), Err)
}

fn summary(config: &Config) -> String {
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let sites = count(config.sites.len(), "site");
    let clusters = count(config.clusters.len(), "cluster");
    let listeners = count(config.listeners.len(), "listener");
    format!("{sites}, {clusters}, {listeners}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn certificates_and_keys_are_judged_at_their_lines() {
        let folder = std::env::temp_dir().join(format!("tidegate-check-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [right, wrong] =
            [(); 2].map(|()| rcgen::generate_simple_self_signed(["wiki.test".into()]).unwrap());
        fs::write(folder.join("cert.pem"), right.cert.pem()).unwrap();
        fs::write(folder.join("right.key"), right.signing_key.serialize_pem()).unwrap();
        fs::write(folder.join("wrong.key"), wrong.signing_key.serialize_pem()).unwrap();
        let file = folder.join("tidegate.toml");
        let judge = |key: &str, roots: &str| {
            let text = format!(
                "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
                 [[certificate]]\ncert = \"cert.pem\"\nkey = \"{key}\"\n\
                 [cluster.w]\nservers = [\"127.0.0.1:1\"]\nroots = \"{roots}\"\n\
                 [site.w]\nhosts = [\"*\"]\ncluster = \"w\"\n\
                 [[purge.stream]]\nbrokers = [\"127.0.0.1:1\"]\ntopics = [\"t\"]\nroots = \"{roots}\"\n"
            );
            fs::write(&file, text).unwrap();
            let errors =
                load(&file, &Ids::default()).map(drop).map_err(|errors| errors.to_string());
            errors.err().unwrap_or_default()
        };
        assert_eq!(judge("right.key", "cert.pem"), "");
        let errors = judge("wrong.key", "right.key");
        let lines: Vec<&str> = errors.lines().filter(|line| line.contains("toml:")).collect();
        assert_eq!(lines.len(), 3, "{errors}");
        assert!(lines[0].contains("tidegate.toml:6: "), "{errors}");
        assert!(lines[1].contains("tidegate.toml:9: "), "{errors}");
        assert!(lines[2].contains("tidegate.toml:16: "), "{errors}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn error_pages_are_judged_at_their_lines() {
        let folder = std::env::temp_dir().join(format!("tidegate-page-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("tidegate.toml");
        let text = "[[listener]]\naddress = \"127.0.0.1:0\"\n\
                    [cluster.w]\nservers = [\"127.0.0.1:1\"]\n\
                    [site.w]\nhosts = [\"*\"]\ncluster = \"w\"\nerror_page = \"error.html\"\n";
        fs::write(&file, text).unwrap();
        let judge = |page: &[u8]| {
            fs::write(folder.join("error.html"), page).unwrap();
            load(&file, &Ids::default()).map(drop).map_err(|errors| errors.to_string())
        };
        assert_eq!(judge(b"<p>{{status}}"), Ok(()));
        for (page, what) in [
            (&b"<p>\n{{uri}}"[..], "error.html has `{{uri}}`, which stands for nothing"),
            (b"\xff", "error.html is not UTF-8"),
            (&vec![b' '; 70_000], "error.html is no file of at most 65536 bytes"),
        ] {
            let errors = judge(page).unwrap_err();
            let place = errors.contains("tidegate.toml:8: ") && errors.contains("    hint: ");
            assert!(place && errors.contains(what), "{errors}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
