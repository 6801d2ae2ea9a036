//! The rules.

use barque_sys::nftables::{Expression as E, Verdict};

/// A rule.
pub(super) struct Rule {
    pub(super) chain: &'static str,
    /// As `nft` writes it.
    pub(super) text: &'static str,
    /// As the kernel takes it.
    pub(super) expressions: Vec<E<'static>>,
}

/// `NFT_META_IIFNAME`, `NFT_META_OIFNAME`, `NFT_META_NFPROTO`, `NFT_META_L4PROTO`.
const IIFNAME: u32 = 6;
const OIFNAME: u32 = 7;
const NFPROTO: u32 = 15;
const L4PROTO: u32 = 16;
/// `NFT_CT_STATE`, `NFT_CT_STATUS`.
const STATE: u32 = 0;
const STATUS: u32 = 2;
/// `NFT_PAYLOAD_NETWORK_HEADER`, `NFT_PAYLOAD_TRANSPORT_HEADER`.
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;
/// established and related: bits of the connection's state.
const ESTABLISHED: &[u8] = &6_u32.to_ne_bytes();
/// `IPS_DST_NAT`.
const DNAT: &[u8] = &0x20_u32.to_ne_bytes();
const ZERO: &[u8] = &[0; 4];
/// `RTN_LOCAL`.
const LOCAL: &[u8] = &2_u32.to_ne_bytes();
const LOOPBACK6: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Every rule, in order.
pub(super) fn all() -> Vec<Rule> {
    let mut rules = Vec::new();
    guard(&mut rules);
    for chain in ["prerouting", "output"] {
        publish(&mut rules, chain);
    }
    masquerade(&mut rules);
    forward(&mut rules);
    rules
}

/// 127.0.0.1 can be published because our bridges route it (route_localnet), and so it must not come in by them: a
/// container would reach what listens on the host's loopback (CVE-2020-8558).
fn guard(rules: &mut Vec<Rule>) {
    let mut add = |text, parts: &[&[E<'static>]]| {
        rules.push(Rule { chain: "guard", text, expressions: parts.concat() });
    };
    add(
        "iifname @bridges ip daddr 127.0.0.0/8 drop",
        &[&from_bridge(), &v4(), &loopback4(16), &[E::Verdict(Verdict::Drop)]],
    );
}

/// Published ports: by one lookup each. ::1 is left alone: the kernel routes nothing from there to elsewhere.
fn publish(rules: &mut Vec<Rule>, chain: &'static str) {
    let mut add =
        |text, parts: &[&[E<'static>]]| rules.push(Rule { chain, text, expressions: parts.concat() });
    add(
        "dnat ip to ip daddr . meta l4proto . th dport map @address_ports4",
        &[&v4(), &[payload(16, 4, 0)], &port(1), &dnat("address_ports4", false)],
    );
    add(
        "dnat ip6 to ip6 daddr . meta l4proto . th dport map @address_ports6",
        &[&v6(), &[payload(24, 16, 0)], &port(4), &dnat("address_ports6", true)],
    );
    add(
        "meta nfproto ipv4 fib daddr type local dnat ip to meta l4proto . th dport map @ports4",
        &[&v4(), &local(), &port(0), &dnat("ports4", false)],
    );
    let not_loopback = [payload(24, 16, 0), E::Compare { at: 0, equal: false, value: LOOPBACK6 }];
    add(
        "ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6",
        &[&v6(), &not_loopback, &local(), &port(0), &dnat("ports6", true)],
    );
}

/// Containers have the host's address outside, and the bridge's where a published port leads back to their own network
/// or comes from 127.0.0.1: else the answer would not find its way through here.
fn masquerade(rules: &mut Vec<Rule>) {
    let mut add = |text, parts: &[&[E<'static>]]| {
        rules.push(Rule { chain: "postrouting", text, expressions: parts.concat() });
    };
    let (four, six) =
        ([v4().to_vec(), source("masquerade4", false)], [v6().to_vec(), source("masquerade6", true)]);
    let masquerade = [E::Masquerade];
    add(
        "oifname != @bridges ip saddr @masquerade4 masquerade",
        &[&out_elsewhere(), &four.concat(), &masquerade],
    );
    add(
        "oifname != @bridges ip6 saddr @masquerade6 masquerade",
        &[&out_elsewhere(), &six.concat(), &masquerade],
    );
    add(
        "oifname @bridges ct status dnat ip saddr @masquerade4 masquerade",
        &[&to_bridge(), &dnatted(true), &four.concat(), &masquerade],
    );
    add(
        "oifname @bridges ct status dnat ip6 saddr @masquerade6 masquerade",
        &[&to_bridge(), &dnatted(true), &six.concat(), &masquerade],
    );
    add(
        "oifname @bridges ip saddr 127.0.0.0/8 masquerade",
        &[&to_bridge(), &v4(), &loopback4(12), &masquerade],
    );
}

/// What passes through: answers; what stays on a bridge; nothing from or to an internal network; and to ours only what a
/// published port has led there. The last keeps networks apart, too.
fn forward(rules: &mut Vec<Rule>) {
    let mut add = |text, parts: &[&[E<'static>]]| {
        rules.push(Rule { chain: "forward", text, expressions: parts.concat() });
    };
    let accept = [E::Verdict(Verdict::Accept)];
    let drop = [E::Verdict(Verdict::Drop)];
    let established = [
        E::Conntrack { key: STATE, to: 0 },
        E::Mask { at: 0, mask: ESTABLISHED },
        E::Compare { at: 0, equal: false, value: ZERO },
    ];
    add("ct state established,related accept", &[&established, &accept]);
    let same = [E::Meta { key: IIFNAME, to: 0 }, E::Meta { key: OIFNAME, to: 4 }, lookup("same")];
    add("iifname . oifname @same accept", &[&same, &accept]);
    add("iifname @internal drop", &[&[E::Meta { key: IIFNAME, to: 0 }, lookup("internal")], &drop]);
    add("oifname @internal drop", &[&[E::Meta { key: OIFNAME, to: 0 }, lookup("internal")], &drop]);
    add("oifname @bridges ct status ! dnat drop", &[&to_bridge(), &dnatted(false), &drop]);
}

fn lookup(set: &'static str) -> E<'static> {
    E::Lookup { set, at: 0, value_to: None, inverted: false }
}

fn from_bridge() -> [E<'static>; 2] {
    [E::Meta { key: IIFNAME, to: 0 }, lookup("bridges")]
}

fn to_bridge() -> [E<'static>; 2] {
    [E::Meta { key: OIFNAME, to: 0 }, lookup("bridges")]
}

fn out_elsewhere() -> [E<'static>; 2] {
    let elsewhere = E::Lookup { set: "bridges", at: 0, value_to: None, inverted: true };
    [E::Meta { key: OIFNAME, to: 0 }, elsewhere]
}

/// `NFPROTO_IPV4`.
fn v4() -> [E<'static>; 2] {
    [E::Meta { key: NFPROTO, to: 0 }, E::Compare { at: 0, equal: true, value: &[2] }]
}

/// `NFPROTO_IPV6`.
fn v6() -> [E<'static>; 2] {
    [E::Meta { key: NFPROTO, to: 0 }, E::Compare { at: 0, equal: true, value: &[10] }]
}

fn payload(offset: u32, length: u32, to: u32) -> E<'static> {
    E::Payload { base: NETWORK, offset, length, to }
}

fn loopback4(offset: u32) -> [E<'static>; 2] {
    [payload(offset, 1, 0), E::Compare { at: 0, equal: true, value: &[127] }]
}

fn source(set: &'static str, six: bool) -> Vec<E<'static>> {
    vec![if six { payload(8, 16, 0) } else { payload(12, 4, 0) }, lookup(set)]
}

fn local() -> [E<'static>; 2] {
    [E::DestinationKind { to: 0 }, E::Compare { at: 0, equal: true, value: LOCAL }]
}

fn port(to: u32) -> [E<'static>; 2] {
    [E::Meta { key: L4PROTO, to }, E::Payload { base: TRANSPORT, offset: 2, length: 2, to: to + 1 }]
}

fn dnat(set: &'static str, v6: bool) -> [E<'static>; 2] {
    let port = if v6 { 4 } else { 1 };
    [E::Lookup { set, at: 0, value_to: Some(0), inverted: false }, E::Dnat { v6, address: 0, port }]
}

/// Whether a published port has led it here.
fn dnatted(yes: bool) -> [E<'static>; 3] {
    [
        E::Conntrack { key: STATUS, to: 0 },
        E::Mask { at: 0, mask: DNAT },
        E::Compare { at: 0, equal: !yes, value: ZERO },
    ]
}
