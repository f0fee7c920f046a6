//! An Asterisk of a test's own, where Asterisk is installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An installed Asterisk.
pub struct AsteriskInstallation {
    modules: PathBuf,
    data: &'static str,
}

impl AsteriskInstallation {
    pub fn find() -> Option<AsteriskInstallation> {
        let runs = Command::new("asterisk").arg("-V").output().is_ok();
        let has = |path: &str| Path::new(path).exists();
        let multiarch = format!("/usr/lib/{}-linux-gnu/asterisk/modules", std::env::consts::ARCH);
        let modules = [
            &multiarch,
            "/usr/lib/asterisk/modules",
            "/usr/lib64/asterisk/modules",
        ];
        let modules = modules.into_iter().find(|path| has(path)).map(PathBuf::from);
        let data = ["/usr/share/asterisk", "/var/lib/asterisk"]
            .into_iter()
            .find(|path| Path::new(path).join("documentation").exists());
        let (modules, data) = modules.zip(data)?;
        runs.then_some(AsteriskInstallation { modules, data })
    }

    /// Writes a configuration below `dir` that loads these modules. Those that are not installed, the
    /// test puts into `modules`; other files of the configuration, into `etc`.
    pub fn configure(&self, dir: &Path, modules: &[&str]) {
        let loads: String = modules
            .iter()
            .map(|module| format!("load = {module}.so\n"))
            .collect();
        let files = [
            ("asterisk.conf", self.asterisk_conf(dir)),
            ("modules.conf", format!("[modules]\nautoload=no\n{loads}")),
            // Below the ports that the system chooses for others.
            ("rtp.conf", "[general]\nrtpstart=10000\nrtpend=20000\n".into()),
            (
                "logger.conf",
                "[general]\n[logfiles]\nconsole => notice,warning,error,verbose\n".into(),
            ),
        ];
        for (name, text) in files {
            fs::write(dir.join("etc").join(name), text).expect("a file");
        }
        for module in modules.iter().map(|module| format!("{module}.so")) {
            let installed = self.modules.join(&module);
            if installed.exists() {
                symlink(installed, dir.join("modules").join(module)).expect("a link");
            }
        }
    }

    /// The directories, below `dir`.
    fn asterisk_conf(&self, dir: &Path) -> String {
        let mut lines = format!("[directories]\nastdatadir => {}\n", self.data);
        for (key, name) in [
            ("astetcdir", "etc"),
            ("astmoddir", "modules"),
            ("astcachedir", "var"),
            ("astvarlibdir", "var"),
            ("astdbdir", "var"),
            ("astkeydir", "var"),
            ("astagidir", "var"),
            ("astspooldir", "spool"),
            ("astrundir", "run"),
            ("astlogdir", "log"),
        ] {
            fs::create_dir_all(dir.join(name)).expect("a directory");
            lines += &format!("{key} => {}\n", dir.join(name).display());
        }
        lines
    }

    /// Runs Asterisk in the foreground with the configuration below `dir`.
    pub fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new("asterisk");
        command
            .args(["-f", "-vvv", "-C"])
            .arg(dir.join("etc/asterisk.conf"));
        command
    }
}
