//! Debian's `docker-registry` on loopback: plain, TLS with names and passwords, client certificates, tokens.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use barque_image::content::Layout;
use barque_image::progress::Silent;
use barque_image::registry::{Client, Credential, Hosts, Pushed, Settings};
use barque_image::spec::{Descriptor, Manifest, media_type};
use barque_image::{ErrorKind, Reference};

use crate::server::Server;
use crate::{blob, impatient, noise, repository};

/// `tester` with `pass:word`, by `htpasswd -B`.
const HTPASSWD: &str = "tester:$2y$05$tidrzHE.pqr.GzL.sz45gunJiKjfv.RvLLZJ38OHE5Bd.Ng.hUX2W\n";

/// Whether a program is there; says why a test skips.
fn have(program: &str) -> bool {
    let found =
        ["/usr/bin", "/usr/local/bin", "/bin"].iter().any(|path| Path::new(path).join(program).exists());
    if !found {
        println!("skipped: {program} is not installed (scripts/install-test-deps)");
    }
    found
}

/// A real registry on a busy machine takes its time.
fn patient() -> Settings {
    let mut settings = impatient();
    settings.timeouts.stall = Duration::from_secs(20);
    settings.timeouts.answer = Duration::from_secs(30);
    settings
}

/// A client of a registry that speaks plain HTTP.
fn client_of(host: &str) -> Client {
    let hosts = Hosts { plain_http: vec![host.to_owned()], ..Hosts::default() };
    Client::new(Settings { hosts, ..patient() })
}

/// A registry that ends with the test.
struct Registry {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
}

impl Registry {
    /// `http` and `auth`: parts of its configuration, with `DIR` for its directory.
    fn start(http: &str, auth: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        make_certificates(directory.path());
        Self::start_in(directory, http, auth)
    }

    fn start_in(directory: tempfile::TempDir, http: &str, auth: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: DIR/data\n  \
             delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n{http}{auth}"
        );
        let config = directory.path().join("config.yml");
        fs::write(directory.path().join("htpasswd"), HTPASSWD).unwrap();
        fs::write(&config, text.replace("DIR", directory.path().to_str().unwrap())).unwrap();
        let log = File::create_new(directory.path().join("log")).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let registry = Self { child, directory, port };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(registry.directory.path().join("log"));
            assert!(Instant::now() < end, "docker-registry does not listen: {:?}", log());
            thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// `127.0.0.1:port`: reached without any proof.
    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A name that is not of loopback: it must prove who it is.
    fn name(&self) -> String {
        format!("registry.test:{}", self.port)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Settings that find `registry.test`, and look for certificates in `certs.d` of this directory.
    fn settings(&self) -> Settings {
        let mut settings = patient();
        settings.names.hosts = self.path("hosts");
        fs::write(&settings.names.hosts, "127.0.0.1 registry.test\n").unwrap();
        settings.hosts.certificates = vec![self.path("certs.d")];
        settings.credentials.files = vec![self.path("auth.json")];
        settings
    }

    fn trust(&self) {
        let own = self.path("certs.d").join(self.name());
        fs::create_dir_all(&own).unwrap();
        fs::copy(self.path("ca.crt"), own.join("ca.crt")).unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn openssl(directory: &Path, line: &str) {
    let output = Command::new("openssl").args(line.split(' ')).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, a server's certificate and a client's, and another authority that has signed nothing.
fn make_certificates(directory: &Path) {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(directory, &format!("{new} -subj /CN=ca -keyout ca.key -out ca.crt"));
    openssl(directory, &format!("{new} -subj /CN=other -keyout other.key -out other.crt"));
    for (name, extension) in [
        ("server", "subjectAltName=DNS:registry.test,IP:127.0.0.1"),
        ("client", "extendedKeyUsage=clientAuth"),
    ] {
        let addition = format!("-addext basicConstraints=critical,CA:FALSE -addext {extension}");
        openssl(
            directory,
            &format!(
                "{new} -subj /CN={name} -CA ca.crt -CAkey ca.key {addition} -keyout {name}.key -out {name}.crt"
            ),
        );
    }
}

fn file_of(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join(format!("blob-{}", bytes.len()));
    fs::write(&path, bytes).unwrap();
    path
}

fn push(client: &Client, to: &Reference, from: &[Reference], bytes: &[u8]) -> barque_image::Result<Pushed> {
    let directory = tempfile::tempdir().unwrap();
    let path = file_of(directory.path(), bytes);
    let open = || Ok(File::open(&path).unwrap());
    client.push_blob(to, &blob(bytes), &open, from, &Silent)
}

/// Pushes an image of a configuration and one layer; gives back its manifest.
fn push_image(client: &Client, to: &Reference, subject: Option<Descriptor>, layer: &[u8]) -> Descriptor {
    let config = b"{\"architecture\":\"amd64\",\"os\":\"linux\"}";
    push(client, to, &[], config).unwrap();
    push(client, to, &[], layer).unwrap();
    let layer = Descriptor { media_type: media_type::LAYER_GZIP.into(), ..blob(layer) };
    let mut manifest = Manifest::new(Descriptor::of(media_type::CONFIG, config), vec![layer]);
    manifest.subject = subject;
    let bytes = serde_json::to_vec(&manifest).unwrap();
    client.put_manifest(to, media_type::MANIFEST, &bytes).unwrap()
}

#[test]
fn everything_over_plain_http() {
    if !have("docker-registry") || !have("openssl") {
        return;
    }
    let registry = Registry::start("", "");
    let client = client_of(&registry.host());
    let one = repository(&registry.host(), "team/one").with_tag("1").unwrap();
    let layer = noise(3 << 20);
    let pushed = push_image(&client, &one, None, &layer);
    assert_eq!(push(&client, &one, &[], &layer).unwrap(), Pushed::Present);

    assert_eq!(client.resolve(&one).unwrap(), pushed);
    let document = client.manifest(&one).unwrap();
    assert_eq!(document.descriptor, pushed);
    let manifest = Manifest::parse(&document.bytes).unwrap();
    assert!(client.document(&one, &manifest.config).unwrap().starts_with(b"{\"arch"));
    assert_eq!(client.exists(&one, &blob(&layer).digest).unwrap(), Some(3 << 20));
    assert_eq!(client.exists(&one, &blob(b"no").digest).unwrap(), None);
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    assert!(client.pull_blob(&one, &manifest.layers[0], &layout, &Silent).unwrap());

    let two = repository(&registry.host(), "team/two").with_tag("x").unwrap();
    assert_eq!(push(&client, &two, std::slice::from_ref(&one), &layer).unwrap(), Pushed::Mounted);
    let absent = repository(&registry.host(), "team/absent");
    assert_eq!(push(&client, &two, &[absent], b"small").unwrap(), Pushed::Uploaded);
    assert_eq!(push(&client, &two, &[], b"").unwrap(), Pushed::Uploaded);
    client.put_manifest(&one.with_tag("2").unwrap(), media_type::MANIFEST, &document.bytes).unwrap();
    let mut tags = client.tags(&one).unwrap();
    tags.sort();
    assert_eq!(tags, ["1", "2"]);
    let repositories = client.catalog(&registry.host()).unwrap();
    assert!(repositories.contains(&"team/one".to_owned()), "{repositories:?}");
    assert_eq!(
        client.search(&registry.host(), "on", 5).unwrap()[0].name,
        format!("{}/team/one", registry.host())
    );

    // This registry keeps no account of referrers: the tag does.
    let about = push_image(&client, &one.with_tag("sig").unwrap(), Some(pushed.clone()), b"signature");
    let found = client.referrers(&one, &pushed.digest, None).unwrap();
    assert_eq!(found.iter().map(|found| &found.digest).collect::<Vec<_>>(), [&about.digest]);
    assert!(client.referrers(&one, &pushed.digest, Some("application/x")).unwrap().is_empty());
    assert!(client.referrers(&one, &about.digest, None).unwrap().is_empty());

    client.delete_manifest(&one.with_digest(pushed.digest.clone())).unwrap();
    let error = client.manifest(&one).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("manifest unknown"), "{error}");
    client.delete_blob(&two, &blob(&layer).digest).unwrap();
    assert_eq!(client.exists(&two, &blob(&layer).digest).unwrap(), None);
}

#[test]
fn pieces_of_a_chosen_size() {
    if !have("docker-registry") || !have("openssl") {
        return;
    }
    let registry = Registry::start("", "");
    let settings = Settings { chunk: Some(700_000), ..registry.settings() };
    let client = Client::new(settings);
    let to = repository(&registry.host(), "a");
    let bytes = noise(2 << 20);
    assert_eq!(push(&client, &to, &[], &bytes).unwrap(), Pushed::Uploaded);
    assert_eq!(client.document(&to, &blob(&bytes)).unwrap(), bytes);
}

/// Passes bytes on to a registry, and cuts the first connections that carry many.
struct Cutter {
    address: String,
    cuts: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Cutter {
    fn start(port: u16, cuts: usize, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (left, stop) = (Arc::new(AtomicUsize::new(cuts)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&left), Arc::clone(&stop));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let count = Arc::clone(&count);
                    thread::spawn(move || pass_on(from, to, &count, after));
                }
            }
        });
        Self { address, cuts: left, stop }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, cuts: &AtomicUsize, after: usize) {
    let mut buffer = [0; 16 << 10];
    let mut passed = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        passed += count;
        let one_less = |left: usize| left.checked_sub(1);
        if passed > after && cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            break;
        }
    }
    // They may be closed already.
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

#[test]
fn cut_connections() {
    if !have("docker-registry") || !have("openssl") {
        return;
    }
    let registry = Registry::start("", "");
    let bytes = noise(12 << 20);
    for chunk in [None, Some(5 << 20)] {
        let name = format!("cut/{}", chunk.unwrap_or(0));
        let cutter = Cutter::start(registry.port, 2, 4 << 20);
        let hosts = Hosts { plain_http: vec![cutter.address.clone()], ..Hosts::default() };
        let client = Client::new(Settings { hosts, chunk, ..registry.settings() });
        let to = repository(&cutter.address, &name);
        assert_eq!(push(&client, &to, &[], &bytes).unwrap(), Pushed::Uploaded);
        assert_eq!(cutter.cuts.load(Ordering::SeqCst), 0, "nothing was cut");
        let direct = client_of(&registry.host());
        let there = repository(&registry.host(), &name);
        assert_eq!(direct.exists(&there, &blob(&bytes).digest).unwrap(), Some(12 << 20));

        let cutter = Cutter::start(registry.port, 2, 4 << 20);
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let from = repository(&cutter.address, &name);
        client_of(&cutter.address).pull_blob(&from, &blob(&bytes), &layout, &Silent).unwrap();
        assert_eq!(cutter.cuts.load(Ordering::SeqCst), 0, "nothing was cut");
        assert!(layout.contains(&blob(&bytes).digest));
    }
}

const TLS: &str = "  tls:\n    certificate: DIR/server.crt\n    key: DIR/server.key\n";

#[test]
fn tls_and_passwords() {
    if !have("docker-registry") || !have("openssl") {
        return;
    }
    let registry = Registry::start(TLS, "auth:\n  htpasswd:\n    realm: x\n    path: DIR/htpasswd\n");
    let image = repository(&registry.name(), "a/b").with_tag("1").unwrap();

    let error = Client::new(registry.settings()).manifest(&image).unwrap_err();
    assert!(error.to_string().contains("TLS") && error.cure().is_some(), "{error}");
    registry.trust();
    let client = Client::new(registry.settings());
    let error = client.manifest(&image).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.cure().unwrap().contains("login"), "{error}");

    let credential =
        |password: &str| Credential::Password { user: "tester".into(), password: password.into() };
    let error = client.login(&registry.name(), &credential("wrong")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let keep = client.login(&registry.name(), &credential("pass:word")).unwrap();
    client.settings().credentials.store(&registry.name(), &keep).unwrap();
    let client = Client::new(registry.settings());
    let pushed = push_image(&client, &image, None, &noise(2 << 20));
    assert_eq!(client.resolve(&image).unwrap(), pushed);

    // On loopback the certificate need not be known; the password must be.
    let near = repository(&registry.host(), "a/b").with_tag("1").unwrap();
    let lax = Client::new(registry.settings());
    lax.settings().credentials.store(&registry.host(), &keep).unwrap();
    assert_eq!(lax.resolve(&near).unwrap(), pushed);
    let mut settings = registry.settings();
    settings.roots = Some(registry.path("other.crt"));
    settings.hosts.certificates.clear();
    let error = Client::new(settings).manifest(&image).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[test]
fn client_certificates() {
    if !have("docker-registry") || !have("openssl") {
        return;
    }
    let registry = Registry::start(&format!("{TLS}    clientcas:\n      - DIR/ca.crt\n"), "");
    registry.trust();
    let image = repository(&registry.name(), "a/b").with_tag("1").unwrap();
    let error = Client::new(registry.settings()).manifest(&image).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
    let own = registry.path("certs.d").join(registry.name());
    fs::copy(registry.path("client.crt"), own.join("client.cert")).unwrap();
    let error = Client::new(registry.settings()).manifest(&image).unwrap_err();
    assert!(error.to_string().contains("client.key"), "{error}");
    fs::copy(registry.path("other.key"), own.join("client.key")).unwrap();
    let error = Client::new(registry.settings()).manifest(&image).unwrap_err();
    assert!(error.to_string().contains("client.key"), "{error}");
    fs::copy(registry.path("client.key"), own.join("client.key")).unwrap();
    push_image(&Client::new(registry.settings()), &image, None, b"layer");
}

/// A token server as large registries have one: gives what is asked for, signed, to `tester` only.
fn token_server(directory: &Path) -> Server {
    let directory = directory.to_owned();
    Server::start(move |asked, wire| {
        // tester:pass:word
        if asked.header("authorization") != Some("Basic dGVzdGVyOnBhc3M6d29yZA==") {
            return wire.json(401, r#"{"details": "who are you?"}"#);
        }
        let query = asked.path.split_once('?').map_or("", |(_, query)| query);
        let fields = query.split('&').filter_map(|field| field.split_once('='));
        let scopes = fields.filter(|(name, _)| *name == "scope").map(|(_, value)| unescape(value));
        let access: Vec<serde_json::Value> = scopes.map(|scope| grant(&scope)).collect();
        let token = sign(&directory, &serde_json::Value::from(access));
        wire.json(200, &serde_json::json!({ "token": token, "expires_in": 60 }).to_string());
    })
}

fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| {
        let (code, rest) = part.split_at(2);
        format!("{done}{}{rest}", char::from(u8::from_str_radix(code, 16).unwrap()))
    })
}

fn grant(scope: &str) -> serde_json::Value {
    let parts: Vec<&str> = scope.split(':').collect();
    let actions: Vec<&str> = parts[2].split(',').collect();
    serde_json::json!({ "type": parts[0], "name": parts[1], "actions": actions })
}

/// A JSON web token over some access (Docker's "Token Authentication Implementation").
fn sign(directory: &Path, access: &serde_json::Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let certificate: String = fs::read_to_string(directory.join("token.crt"))
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let header = serde_json::json!({ "typ": "JWT", "alg": "RS256", "x5c": [certificate] });
    let claims = serde_json::json!({
        "iss": "tests", "sub": "tester", "aud": "registry", "jti": "1",
        "iat": now - 10, "nbf": now - 10, "exp": now + 300, "access": access,
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign", "token.key"])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(output.stdout))
}

#[test]
fn tokens() {
    if !have("docker-registry") || !have("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let own = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=token -CA ca.crt -CAkey ca.key";
    let addition = "-addext basicConstraints=critical,CA:FALSE -keyout token.key -out token.crt";
    openssl(directory.path(), &format!("req {own} {addition}"));
    let tokens = token_server(directory.path());
    let auth = format!(
        "auth:\n  token:\n    realm: http://{}/token\n    service: registry\n    issuer: tests\n    \
         rootcertbundle: DIR/ca.crt\n",
        tokens.host()
    );
    let registry = Registry::start_in(directory, "", &auth);
    let mut settings = registry.settings();
    settings.hosts.plain_http = vec![registry.host()];
    let client = Client::new(settings.clone());
    let one = repository(&registry.host(), "team/one").with_tag("1").unwrap();
    let error = client.manifest(&one).unwrap_err();
    assert!(error.to_string().contains("who are you?"), "{error}");

    let credential = Credential::Password { user: "tester".into(), password: "pass:word".into() };
    let keep = client.login(&registry.host(), &credential).unwrap();
    client.settings().credentials.store(&registry.host(), &keep).unwrap();
    let client = Client::new(settings);
    let layer = noise(2 << 20);
    let pushed = push_image(&client, &one, None, &layer);
    assert_eq!(client.resolve(&one).unwrap(), pushed);
    let two = repository(&registry.host(), "team/two");
    assert_eq!(push(&client, &two, std::slice::from_ref(&one), &layer).unwrap(), Pushed::Mounted);
    assert_eq!(client.catalog(&registry.host()).unwrap(), ["team/one", "team/two"]);
    client.delete_manifest(&one.with_digest(pushed.digest)).unwrap();
}
