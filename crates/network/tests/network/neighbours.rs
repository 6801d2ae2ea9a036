//! Other programs' firewalls beside ours.

use crate::world::*;

/// What Docker and ufw do: nothing passes that no rule of theirs accepts.
#[test]
fn a_forward_policy_of_drop_is_told_of_and_left_alone() {
    if !require_root() {
        return;
    }
    let world = World::new();
    sh("iptables-nft -P FORWARD DROP");
    let before = sh("iptables-nft-save -t filter | grep -v '^#' | sed 's/ *\\[.*//'");
    let network = world.network("net", &["10.1.0.0/24"]);
    let (container, attachment) = world.container("c", &network, &["8080:80"]);
    let _server = serve(&container, "tcp", 80);
    let [warning] = &attachment.warnings[..] else { panic!("{:?}", attachment.warnings) };
    assert!(warning.contains("chain ip filter FORWARD drops"), "{warning}");
    assert!(refused_from(&world.outside, "tcp", HOST, 8080), "theirs is obeyed");
    assert_eq!(call("tcp", "127.0.0.1", 8080), "::ffff:10.1.0.1", "the host itself forwards nothing");
    assert_eq!(
        sh("iptables-nft-save -t filter | grep -v '^#' | sed 's/ *\\[.*//'"),
        before,
        "theirs is not touched"
    );
    // The cure that is told works.
    for command in warning.rsplit("let them pass: ").next().unwrap().split("; ") {
        sh(command);
    }
    assert_eq!(call_from(&world.outside, "tcp", HOST, 8080), format!("::ffff:{OUTSIDE}"));
}

#[test]
fn rules_of_others_are_not_touched() {
    if !require_root() {
        return;
    }
    let world = World::new();
    sh("iptables-legacy -A FORWARD -s 10.1.0.2 -p tcp --dport 71 -j DROP
        iptables-nft -t nat -A POSTROUTING -s 10.50.0.0/16 -j MASQUERADE
        nft add table inet ufw; nft 'add chain inet ufw input { type filter hook input priority 0; policy drop; }'
        nft add rule inet ufw input ct state established,related accept
        nft add rule inet ufw input iifname lo accept");
    let theirs = || {
        sh(
            "iptables-legacy-save | grep -v '^[#:]'; iptables-nft-save | grep -v '^[#:]'; nft list table inet ufw",
        )
    };
    let before = theirs();
    let network = world.network("net", &["10.1.0.0/24"]);
    let container = world.container("c", &network, &["8080:80"]);
    let server = serve(&container.0, "tcp", 80);
    let outside = [serve(&world.outside, "tcp", 70), serve(&world.outside, "tcp", 71)];
    // What comes to a published port is not for the host itself, so its rules for that do not apply.
    assert_eq!(call_from(&world.outside, "tcp", HOST, 8080), format!("::ffff:{OUTSIDE}"));
    assert_eq!(call_from(&container.0, "tcp", OUTSIDE, 70), format!("::ffff:{HOST}"));
    assert!(refused_from(&container.0, "tcp", OUTSIDE, 71), "their rule counts");
    drop((server, outside));
    world.end("c", container);
    barque_network::down(&world.networks, &network).unwrap();
    assert_eq!(theirs(), before);
}
