use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::process;

/// Below what Linux hands out to outgoing connections, so that none of those takes a leased port.
const LEASABLE: Range<u16> = 20_000..32_000;

/// A loopback port for a program that must be told its port before it starts.
///
/// As long as the lease lives, no other lease on this machine, in this test run or in one beside it, gets the same port, also
/// while the program is down: the odd port beside it is bound as the sign that it is taken.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _taken: TcpListener,
}

impl Port {
    /// Leases a port that nothing listens on.
    pub(crate) fn lease() -> Self {
        let pairs = (LEASABLE.end - LEASABLE.start) / 2;
        // Runs side by side start their search in different places.
        let offset = u16::try_from(process::id() % u32::from(pairs)).unwrap();
        (0..pairs)
            .map(|step| LEASABLE.start + (offset + step) % pairs * 2)
            .find_map(Self::take)
            .expect("no free pair of ports on loopback")
    }

    /// The number to listen on at 127.0.0.1.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    fn take(number: u16) -> Option<Self> {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, number + 1)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _taken: taken })
    }
}
