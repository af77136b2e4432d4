//! Apache Kafka, one broker that is its own controller (KRaft) in one JVM of bounded memory, and its own
//! command-line tools.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::super::process::{Process, Scratch, free_port, output};
use super::super::wait::until;

/// How long a JVM may take for what is done in a moment.
const LIMIT: Duration = Duration::from_secs(60);

/// A broker, running or not.
pub struct Broker {
    process: Option<Process>,
    port: u16,
    folder: Scratch,
}

impl Broker {
    /// Prepares a broker with an empty disk; [`start`](Self::start) starts it.
    pub fn new() -> Self {
        let folder = Scratch::new("kafka");
        let (port, controller) = (free_port(), free_port());
        let conf = CONF
            .replace("FOLDER", &folder.path().display().to_string())
            .replace("CONTROLLER_PORT", &controller.to_string())
            .replace("PORT", &port.to_string());
        fs::write(folder.path().join("kafka.properties"), conf).expect("the folder is ours");
        let broker = Self { process: None, port, folder };
        let conf = broker.file("kafka.properties");
        broker.tool("kafka.tools.StorageTool", &["format", "-t", CLUSTER, "-c", &conf]);
        broker
    }

    /// Starts it, and waits until it takes connections.
    pub fn start(&mut self) {
        let mut command = java("256m");
        command.arg("kafka.Kafka").arg(self.file("kafka.properties"));
        let mut process = Process::start("kafka", self.folder.path(), &mut command);
        until("Kafka takes connections", LIMIT, || {
            assert!(process.runs(), "Kafka ended:\n{}", process.last_words());
            TcpStream::connect(self.address()).is_ok()
        });
        self.process = Some(process);
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        self.process.take().expect("Kafka runs").end_by(Signal::KILL, LIMIT);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Makes `topic`.
    pub fn create(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        self.topics(&["--create", "--topic", topic, "--partitions", &partitions]);
    }

    /// Adds partitions, up to `partitions`.
    pub fn widen(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        self.topics(&["--alter", "--topic", topic, "--partitions", &partitions]);
    }

    /// Deletes `topic`.
    pub fn delete(&self, topic: &str) {
        self.topics(&["--delete", "--topic", topic]);
    }

    fn topics(&self, what: &[&str]) {
        let at = self.address().to_string();
        let all = [&["--bootstrap-server", &at], what].concat();
        self.tool("org.apache.kafka.tools.TopicCommand", &all);
    }

    /// Deletes all that stands in the partitions of `topic`, as retention does.
    pub fn expire(&self, topic: &str, partitions: u32) {
        let of =
            |partition| format!(r#"{{"topic":"{topic}","partition":{partition},"offset":-1}}"#);
        let all: Vec<String> = (0..partitions).map(of).collect();
        let wanted = format!(r#"{{"version":1,"partitions":[{}]}}"#, all.join(","));
        fs::write(self.file("expire.json"), wanted).expect("the folder is ours");
        let (at, file) = (self.address().to_string(), self.file("expire.json"));
        let arguments = ["--bootstrap-server", &at, "--offset-json-file", &file];
        self.tool("org.apache.kafka.tools.DeleteRecordsCommand", &arguments);
    }

    /// Begins to publish the lines of `events`, as compressed batches; the publisher tries again while
    /// the broker is away, and ends when all are in the log.
    pub fn publish(&self, topic: &str, events: &Path) -> Process {
        let mut command = java("256m");
        command.arg("org.apache.kafka.tools.ConsoleProducer");
        command.args(["--bootstrap-server", &self.address().to_string(), "--topic", topic]);
        command.args(["--compression-codec", "zstd", "--batch-size", "65536"]);
        command.args(["--max-block-ms", "60000", "--message-send-max-retries", "1000"]);
        command.args(["--producer-property", "linger.ms=5"]);
        // The tools read standard input, which a process of these tests has not.
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| format!("'{}'", word.display())).collect();
        let line = format!("exec {} < '{}'", words.join(" "), events.display());
        Process::start("publisher", self.folder.path(), Command::new("sh").arg("-c").arg(line))
    }

    fn tool(&self, class: &str, arguments: &[&str]) {
        let mut command = java("128m");
        let (status, said) = output("kafka-tool", command.arg(class).args(arguments), LIMIT);
        assert!(status.success(), "{class} {arguments:?}: {said}");
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// The id of the cluster: any UUID in its short form.
const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// A JVM with Kafka's classes and this much memory.
fn java(memory: &str) -> Command {
    let jars = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/kafka/*");
    let mut command = Command::new("java");
    command.arg(format!("-Xmx{memory}")).arg("-XX:+UseSerialGC").arg("-cp").arg(jars);
    command
}

const CONF: &str = "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:PORT
controller.listener.names=CONTROLLER
log.dirs=FOLDER/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
";
