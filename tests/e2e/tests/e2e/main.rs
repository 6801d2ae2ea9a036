//! `barque` as a person uses it: every test runs the real command, with a root, a run-root and a cgroup parent of its own.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set fails")]
#![expect(clippy::print_stdout, reason = "a test that skips says why")]

mod archive;
mod bad_input;
mod bootstrap;
mod build;
mod completion;
mod container_files;
mod devices;
mod enter;
mod events;
mod exit_codes;
mod files;
mod health;
mod hostile;
mod images;
mod interruptions;
mod lab;
mod leftovers;
mod life;
mod limits;
mod logins;
mod logs;
mod manifests;
mod namespaces;
mod network_connect;
mod network_names;
mod network_peers;
mod networks;
mod process;
mod property;
mod registry;
mod scene;
mod security;
mod stats;
mod system;
mod terminal;
mod unprivileged;
mod unprivileged_images;
mod update;
mod upkeep;
mod volume_commands;
mod volumes;
mod why;
