package mamba.jms;

import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs the cases: {@code Cases [URI [PREFIX]]}. Without a URI the broker is expected on this machine; a prefix chooses the cases
 * whose names begin so. The exit code is the number of failures.
 */
public final class Cases {

    private static final String LOOPBACK = "amqp://127.0.0.1:5672";
    private static final int SECONDS_FOR_A_CASE = 60;
    private static final int FRAMES_SHOWN = 6;
    private static final int MOST_FAILURES_IN_AN_EXIT_CODE = 100;

    private final Broker broker;
    private final ExecutorService threads = Executors.newCachedThreadPool(Cases::daemon);

    private Cases(Broker broker) {
        this.broker = broker;
    }

    public static void main(String[] arguments) {
        String uri = arguments.length > 0 ? arguments[0] : LOOPBACK;
        String prefix = arguments.length > 1 ? arguments[1] : "";
        List<Case> chosen = all().filter(one -> one.name().startsWith(prefix)).collect(Collectors.toList());
        if (chosen.isEmpty()) {
            System.err.println("no case begins with '" + prefix + "'; the names are " + all().map(Case::name).collect(Collectors.toList()));
            System.exit(1);
        }
        Cases runner = new Cases(new Broker(uri));
        long failed = chosen.stream().filter(one -> !runner.passes(one)).count();
        System.out.println((chosen.size() - failed) + " passed, " + failed + " failed");
        System.exit((int) Math.min(failed, MOST_FAILURES_IN_AN_EXIT_CODE));
    }

    private static Stream<Case> all() {
        return Stream.of(
                BodyCases.all(),
                AcknowledgementCases.all(),
                TransactionCases.all(),
                SelectorCases.all(),
                SubscriptionCases.all(),
                TemporaryCases.all(),
                DeliveryCases.all(),
                GroupCases.all()).flatMap(List::stream);
    }

    private boolean passes(Case one) {
        Future<?> run = threads.submit(() -> {
            one.body().run(broker);
            return null;
        });
        try {
            run.get(SECONDS_FOR_A_CASE, TimeUnit.SECONDS);
            System.out.println("ok   " + one.name());
            return true;
        } catch (ExecutionException failure) {
            report(one, failure.getCause());
        } catch (TimeoutException late) {
            run.cancel(true);
            report(one, new AssertionError("expected an end within " + SECONDS_FOR_A_CASE + " s, but it still runs"));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            report(one, stopped);
        }
        return false;
    }

    private static void report(Case one, Throwable failure) {
        System.out.println("FAIL " + one.name() + ": " + failure);
        StackTraceElement[] frames = failure.getStackTrace();
        for (int i = 0; i < Math.min(FRAMES_SHOWN, frames.length); i++) {
            System.out.println("       at " + frames[i]);
        }
    }

    /** A case that hangs does not keep the program from ending. */
    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }
}
