using System.Globalization;
using System.Net.Sockets;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>What there is at the other end, before and between the cases.</summary>
/// <param name="Product">What the broker calls itself; null when it cannot be worked with.</param>
/// <param name="Problem">Why it cannot be worked with, and what to do.</param>
/// <param name="Trace">What went over the wire.</param>
public sealed record Greeting(string? Product, string? Problem, IReadOnlyList<string> Trace);

/// <summary>Opens a connection as the cases do, and says what is the matter when that cannot be done.</summary>
public static class Hello
{
    /// <param name="broker">Where it is and how to log in.</param>
    /// <param name="adapter">How its nodes are made and addressed.</param>
    /// <param name="patience">The time it has.</param>
    /// <param name="withQueue">A link to a queue has to be attached too.</param>
    /// <param name="cancel">Ends it.</param>
    public static async Task<Greeting> SayAsync(BrokerTarget broker, IBrokerAdapter adapter, TimeSpan patience, bool withQueue, CancellationToken cancel)
    {
        using var guard = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        guard.CancelAfter(patience);
        await using var context = new CaseContext(broker, adapter, "hello", guard.Token) { Patience = patience };
        var (peer, problem) = await OpenAsync(context, patience);
        cancel.ThrowIfCancellationRequested();
        problem ??= withQueue ? await AttachAsync(peer!) : null;
        cancel.ThrowIfCancellationRequested();
        return new Greeting(problem is null ? Product(peer!.Remote) : null, problem, context.Trace.Lines);
    }

    private static async Task<(Peer? Peer, string? Problem)> OpenAsync(CaseContext context, TimeSpan patience)
    {
        var seconds = patience.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        AmqpWire? wire = null;
        try
        {
            wire = await context.ConnectAsync();
            if (await LogInAsync(wire, context.Broker) is { } refused)
            {
                return (null, refused);
            }

            // Logged in once more as every case does it.
            await wire.DisposeAsync();
            return (await context.OpenAsync(), null);
        }
        catch (SocketException e)
        {
            return (null, $"{e.Message}. Is the broker started, and does it listen there? --uri amqp://host:port says where.");
        }
        catch (OperationCanceledException)
        {
            return (null, $"No connection within {seconds} s. Is there a firewall on the way?");
        }
        catch (Exception) when (wire is not null && Stranger(wire.Unread) is not null)
        {
            return (null, Stranger(wire.Unread));
        }
        catch (CheckFailedException e) when (wire is { LargestReceived: 0, HasHeader: false } && !context.Guard.IsCancellationRequested)
        {
            return (null, $"{e.Message}. A port for TLS, or for another protocol, may do that: is this the port for AMQP without TLS, often 5672?");
        }
        catch (CheckFailedException) when (context.Guard.IsCancellationRequested)
        {
            return (null, $"It took the connection, and then did not say what AMQP wants within {seconds} s. Is this the port for AMQP without TLS? A slow broker gets more time by --patience.");
        }
        catch (Exception e)
        {
            return (null, $"{e.Message.TrimEnd('.')}.");
        }
    }

    private static string Product(Open remote)
    {
        string? Property(string name) => remote.Properties?.TryGetValue<string>(new Symbol(name), out var value) == true ? value : null;
        return $"{Property("product") ?? remote.ContainerId} {Property("version")}".Trim();
    }

    /// <summary>Logs in as the cases do: null, or why that is not possible.</summary>
    private static async Task<string?> LogInAsync(AmqpWire wire, BrokerTarget broker)
    {
        await wire.SendHeaderAsync(ProtocolHeader.Sasl);
        var header = await wire.ExpectHeaderAsync();
        if (header != ProtocolHeader.Sasl)
        {
            return header.Major == 0
                ? $"It speaks {header}, an older AMQP, and not AMQP 1.0. RabbitMQ 3 needs its plugin rabbitmq_amqp1_0."
                : $"It does not take a SASL login on this port, but answers with {header}: the suite logs in by SASL, at least as ANONYMOUS.";
        }

        var offered = await wire.ExpectAsync<SaslMechanisms>();
        var init = SaslHandshake.Init(broker);
        if (!offered.SaslServerMechanisms.Contains(init.Mechanism))
        {
            return $"It does not offer the login {init.Mechanism}, but {string.Join(", ", offered.SaslServerMechanisms)}. "
                + (broker.User is null ? "Name a user by --user and --password." : "Allow it in the broker.");
        }

        await wire.SendAsync(init);
        if (await wire.NextAsync("the outcome of the login") is { Body: SaslOutcome { Code: SaslCode.Ok } })
        {
            return null;
        }

        return broker.User is null || broker.Anonymous
            ? "It refuses the login as ANONYMOUS. Name a user by --user and --password" + (broker.Anonymous ? ", without --anonymous." : ".")
            : $"It refuses the login of the user {broker.User}. Are --user and --password right, and may that user come from this machine?";
    }

    private static async Task<string?> AttachAsync(Peer peer)
    {
        var context = peer.Context;
        var address = "";
        try
        {
            address = await context.QueueAsync();
            await (await peer.BeginAsync()).SendToAsync(address);
            return null;
        }
        catch (Exception e)
        {
            return (address.Length == 0 ? $"The adapter {context.Adapter.Name} cannot make a queue: {e.Message.TrimEnd('.')}" : $"It lets the suite in, but refuses a link to the queue {address}: {e.Message}")
                + ". Most cases need a queue of their own: see --queue-address for how queues are addressed, --adapter for RabbitMQ, and the permissions of the user. "
                + "Cases that need none can be chosen by --filter, such as OPEN,SASL.";
        }
    }

    /// <summary>What speaks there, if its first bytes tell; null when they do not.</summary>
    private static string? Stranger(ReadOnlySpan<byte> first)
    {
        if (first.StartsWith("HTTP/"u8))
        {
            return "An HTTP server answers there. Brokers have AMQP on another port, often 5672.";
        }

        // A TLS record: alert (21) or handshake (22), version 3.x.
        if (first.Length >= 2 && first[0] is 21 or 22 && first[1] == 3)
        {
            return "A TLS server answers there. The suite talks plain TCP: name the port for AMQP without TLS, often 5672, or put a TLS client such as stunnel between.";
        }

        return first.Length >= 4 && !first.StartsWith("AMQP"u8)
            ? $"What answers there does not speak AMQP: {WireTrace.Hex(first)}. Is this the right port?"
            : null;
    }
}
