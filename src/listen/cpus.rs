//! Which CPU each worker keeps to, where workers keep to CPUs: then a connection is given to the
//! worker on whose CPU its packets arrive, and no wake-up crosses from one CPU to another.
//!
//! The kernel does that by SO_INCOMING_CPU (since Linux 6.2 among sockets that share an address);
//! where no worker keeps to the CPU that a packet arrives on, it chooses any. So it needs a network
//! card that spreads connections over as many CPUs as there are workers.

use std::io;

/// The CPU of each worker; `None` for one that runs where the system likes.
pub type Cpus = Box<[Option<usize>]>;

/// CPUs for `workers` workers, one after the other of those that this process may use.
///
/// # Errors
/// The system does not tell them.
pub fn cpus(workers: usize) -> io::Result<Cpus> {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity};
        let allowed = sched_getaffinity(None)?;
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        Ok(all.iter().copied().map(Some).cycle().take(workers).collect())
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("{workers} workers on CPUs need Linux")))
}

/// Has this thread run on `cpu` alone.
///
/// # Errors
/// The process may not use it.
pub fn keep_to(cpu: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let mut one = rustix::thread::CpuSet::new();
        one.set(cpu);
        rustix::thread::sched_setaffinity(None, &one)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = cpu;
    Ok(())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::base::Clock;
    use crate::config::Listener;
    use crate::listen::Sockets;
    use std::net::TcpStream;
    use std::time::Duration;

    #[test]
    fn a_connection_comes_to_the_worker_on_whose_cpu_it_arrives() {
        let cpus = cpus(2).unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::at(address);
        let sockets = Sockets::bind(&[listener], &cpus).unwrap();
        let bound = &sockets.bound()[0];
        if cpus[0] == cpus[1] || !kernel_chooses_by_cpu() {
            println!("one CPU, or a kernel before 6.2: nothing to tell apart");
            return;
        }
        let clock = Clock::system();
        for worker in [0, 1, 1, 0, 0, 1] {
            let (cpu, address) = (cpus[worker].unwrap(), bound.address);
            // The packets of a connection over the loopback arrive where its client runs.
            let connect = move || keep_to(cpu).and_then(|()| TcpStream::connect(address));
            let client = std::thread::spawn(connect).join().unwrap().unwrap();
            let deadline = clock.now() + Duration::from_secs(10);
            let (came, remote) = loop {
                let accept = |at| Some((at, bound.socket(at)?.accept().ok()?.1));
                if let Some(accepted) = [0, 1].into_iter().find_map(accept) {
                    break accepted;
                }
                assert!(clock.now() < deadline, "nobody gets the connection");
                std::thread::yield_now();
            };
            assert_eq!((came, remote), (worker, client.local_addr().unwrap()));
        }
    }

    fn kernel_chooses_by_cpu() -> bool {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
        (numbers.next(), numbers.next()) >= (Some(6), Some(2))
    }

    #[test]
    fn workers_beyond_the_cpus_begin_again_with_the_first() {
        let (few, many) = (cpus(1).unwrap(), cpus(4096).unwrap());
        let again = many.iter().skip(1).position(|cpu| *cpu == few[0]);
        assert!(again.is_some() && many.len() == 4096 && many.iter().all(Option::is_some));
    }
}
