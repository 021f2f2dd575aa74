import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/** The yardstick: Kafka Streams counts the records of each key in a state store (RocksDB, changelog included). */
public final class CountPerKey {
  private static final int PATIENCE_MINUTES = 30;

  private record Moment(long nanos, long cpu) {
    static Moment now() {
      var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
      return new Moment(System.nanoTime(), system.getProcessCpuTime());
    }
  }

  private final int expected;
  private final AtomicInteger seen = new AtomicInteger();
  private final CountDownLatch done = new CountDownLatch(1);
  private volatile Moment first;
  private volatile Moment last;
  private volatile double beganAt;

  private CountPerKey(int expected) {
    this.expected = expected;
  }

  /** Arguments: bootstrap, topic, group, guarantee, events, folder. */
  public static void main(String[] told) throws Exception {
    Path folder = Path.of(told[5]);
    // A virtual machine is slow until it has compiled what it does: the whole topic once, unmeasured.
    new CountPerKey(Integer.parseInt(told[4])).run(told, told[2] + "-warm", folder);
    var counted = new CountPerKey(Integer.parseInt(told[4]));
    counted.run(told, told[2], folder);
    counted.write(folder.resolve("report.json"));
    System.exit(0);
  }

  private void run(String[] told, String group, Path folder) throws InterruptedException {
    var builder = new StreamsBuilder();
    builder.stream(told[1], Consumed.with(Serdes.Bytes(), Serdes.ByteArray()))
        .peek((key, value) -> count())
        .groupByKey(Grouped.with(Serdes.Bytes(), Serdes.ByteArray()))
        .count(
            Materialized.<Bytes, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                .withKeySerde(Serdes.Bytes())
                .withValueSerde(Serdes.Long()));
    var properties = new Properties();
    properties.putAll(
        Map.of(
            StreamsConfig.APPLICATION_ID_CONFIG, group,
            StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, told[0],
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, told[3],
            StreamsConfig.STATE_DIR_CONFIG, folder.resolve("state").toString(),
            StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest"));
    var streams = new KafkaStreams(builder.build(), properties);
    streams.start();
    if (!done.await(PATIENCE_MINUTES, TimeUnit.MINUTES)) {
      throw new IllegalStateException("only " + seen.get() + " of " + expected + " records came");
    }
    streams.close(Duration.ofSeconds(60));
  }

  private void count() {
    int number = seen.incrementAndGet();
    if (number == 1) {
      beganAt = System.currentTimeMillis() / 1000.0;
      first = Moment.now();
    }
    if (number == expected) {
      last = Moment.now();
      done.countDown();
    }
  }

  private void write(Path path) throws IOException {
    var report =
        String.format(
            Locale.ROOT,
            "{\"events\": %d, \"decisions\": 0, \"seconds\": %f, \"cpu_seconds\": %f, \"began_at\": %f,"
                + " \"settled_seconds\": %f}",
            seen.get(),
            (last.nanos - first.nanos) / 1e9,
            (last.cpu - first.cpu) / 1e9,
            beganAt,
            (System.nanoTime() - first.nanos) / 1e9);
    Files.writeString(path, report);
  }
}
