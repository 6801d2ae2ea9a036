//! A registry of Debian's on loopback, and an image that other tools have put there.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, Said, said, wait_until};

/// `docker-registry` for as long as a test.
pub(crate) struct Registry {
    process: Child,
    port: u16,
    host: &'static str,
}

/// A name for loopback that is not known to be loopback: who has it must prove it.
pub(crate) const SECURE: &str = "registry.test";

/// An authority and a server's certificate by it, in `tls` of the scene.
fn make_certificates(lab: &Lab) {
    fs::create_dir_all(lab.path("tls")).unwrap();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    for line in [
        format!("{new} -subj /CN=ca -keyout ca.key -out ca.crt"),
        format!(
            "{new} -subj /CN=server -CA ca.crt -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
             -addext subjectAltName=DNS:{SECURE} -keyout server.key -out server.crt"
        ),
    ] {
        let made = said(Command::new("openssl").args(line.split(' ')).current_dir(lab.path("tls")));
        assert_eq!(made.code, 0, "{made:#?}");
    }
}

impl Registry {
    /// Starts one with its data in the scene's directory.
    pub(crate) fn start(lab: &Lab) -> Self {
        Self::start_in(lab, "registry")
    }

    /// Another one, empty.
    pub(crate) fn start_another(lab: &Lab) -> Self {
        Self::start_in(lab, "registry-2")
    }

    /// One that speaks TLS, with a certificate for [`SECURE`] by an authority of the scene's own, and wants a name and a
    /// password: `tester`, `pass:word`.
    pub(crate) fn start_secure(lab: &Lab) -> Self {
        make_certificates(lab);
        // By `htpasswd -B`.
        let line = "tester:$2y$05$tidrzHE.pqr.GzL.sz45gunJiKjfv.RvLLZJ38OHE5Bd.Ng.hUX2W\n";
        let (passwords, own) = (lab.file("htpasswd", line), lab.text("tls"));
        let tls = format!("tls: {{certificate: '{own}/server.crt', key: '{own}/server.key'}}");
        let auth = format!("auth: {{htpasswd: {{realm: test, path: '{passwords}'}}}}\n");
        let mut registry = Self::start_as(lab, "registry", &tls, &auth);
        registry.host = SECURE;
        registry
    }

    fn start_in(lab: &Lab, directory: &str) -> Self {
        Self::start_as(lab, directory, "", "")
    }

    /// With more of its configuration: about its address, and at the end.
    fn start_as(lab: &Lab, directory: &str, http: &str, more: &str) -> Self {
        // Freed at once: whoever takes it in between makes the registry fail to start, which the test then says.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = lab.path(directory);
        fs::create_dir_all(&data).unwrap();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {data:?}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:{port}', {http}}}\n{more}"
        );
        let path = lab.file(&format!("{directory}.yml"), &configuration);
        let process = Command::new("docker-registry")
            .args(["serve", &path])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("install docker-registry");
        let registry = Self { process, port, host: "127.0.0.1" };
        assert!(
            wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok()),
            "the registry does not answer"
        );
        registry
    }

    /// A name in it.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address())
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The digest that it has a name for, as skopeo says.
    pub(crate) fn digest(&self, rest: &str) -> String {
        let name = format!("docker://{}", self.name(rest));
        skopeo(&["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &name]).ok().to_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Runs skopeo without a policy and without the machine's settings.
pub(crate) fn skopeo(arguments: &[&str]) -> Said {
    said(Command::new("skopeo").arg("--insecure-policy").args(arguments).stdin(Stdio::null()))
}

/// Puts an image of three layers into the registry by skopeo: busybox, a file, and the file `/gone` taken away again.
pub(crate) fn seed(lab: &Lab, registry: &Registry, rest: &str) {
    let layout = lab.text("seed");
    let umoci = |arguments: &[&str]| {
        let said = said(Command::new("umoci").args(arguments).stdin(Stdio::null()));
        assert_eq!(said.code, 0, "{said:#?}");
    };
    let image = format!("{layout}:seed");
    umoci(&["init", "--layout", &layout]);
    umoci(&["new", "--image", &image]);
    // `repack` writes archives to the end; `insert` of this version does not.
    let bundle = lab.text("bundle");
    umoci(&["unpack", "--image", &image, &bundle]);
    let root = lab.path("bundle/rootfs");
    lab.make_rootfs(&root);
    fs::write(root.join("gone"), "x").unwrap();
    umoci(&["repack", "--image", &image, &bundle]);
    for step in ["two", "three"] {
        fs::remove_dir_all(&bundle).unwrap();
        umoci(&["unpack", "--image", &image, &bundle]);
        fs::write(root.join("etc").join(step), format!("{step}\n")).unwrap();
        if step == "three" {
            fs::remove_file(root.join("gone")).unwrap();
        }
        umoci(&["repack", "--image", &image, &bundle]);
    }
    umoci(&[
        "config",
        "--image",
        &image,
        "--config.cmd=sh",
        "--config.cmd=-c",
        "--config.cmd=id -un; pwd; echo $COLOUR",
        "--config.env=COLOUR=blue",
        "--config.workingdir=/work/here",
        "--config.user=ann",
        "--config.label=team=red",
        "--config.stopsignal=SIGINT",
    ]);
    let (from, to) = (format!("oci:{layout}:seed"), format!("docker://{}", registry.name(rest)));
    let copied = skopeo(&["copy", "--dest-tls-verify=false", &from, &to]);
    assert_eq!(copied.code, 0, "{copied:#?}");
}
