//! Old calls that are many: `socketcall(2)` and `ipc(2)`.
//!
//! On x86, s390, MIPS o32 and PowerPC the socket and System V calls went (and may still go) through one call
//! each, whose first argument says which is meant. A profile names the meant ones.

/// A call that is made through another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Multiplexed {
    /// The call that carries it.
    pub(super) carrier: &'static str,
    /// Its first argument.
    pub(super) selector: u8,
}

impl Multiplexed {
    /// How a call goes through another; `None` for the many that never do.
    pub(super) fn of(name: &str) -> Option<Self> {
        let socket = |selector| Some(Self { carrier: "socketcall", selector });
        let ipc = |selector| Some(Self { carrier: "ipc", selector });
        match name {
            "socket" => socket(1),
            "bind" => socket(2),
            "connect" => socket(3),
            "listen" => socket(4),
            "accept" => socket(5),
            "getsockname" => socket(6),
            "getpeername" => socket(7),
            "socketpair" => socket(8),
            "send" => socket(9),
            "recv" => socket(10),
            "sendto" => socket(11),
            "recvfrom" => socket(12),
            "shutdown" => socket(13),
            "setsockopt" => socket(14),
            "getsockopt" => socket(15),
            "sendmsg" => socket(16),
            "recvmsg" => socket(17),
            "accept4" => socket(18),
            "recvmmsg" => socket(19),
            "sendmmsg" => socket(20),
            "semop" => ipc(1),
            "semget" => ipc(2),
            "semctl" => ipc(3),
            "semtimedop" => ipc(4),
            "msgsnd" => ipc(11),
            "msgrcv" => ipc(12),
            "msgget" => ipc(13),
            "msgctl" => ipc(14),
            "shmat" => ipc(21),
            "shmdt" => ipc(22),
            "shmget" => ipc(23),
            "shmctl" => ipc(24),
            _ => None,
        }
    }
}
