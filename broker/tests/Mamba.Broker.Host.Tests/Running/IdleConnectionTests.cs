using System.Net;
using System.Net.Sockets;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Broker.Host.Tests.Running;

internal sealed class IdleConnectionTests
{
    private const int Connections = 500;

    [Test]
    public async Task An_idle_connection_with_a_session_holds_little_memory()
    {
        using var folder = new TempDirectory();
        await using var engine = MessageEngine.Open(
            new EngineOptions { Directory = folder["journal"] }, new MessageAnnotator(), TimeProvider.System, IEngineEvents.None);
        var store = new CredentialStore(folder["users.json"], NullLogger.Instance);
        using var verifier = new PasswordVerifier();
        var authenticator = new SaslAuthenticator(
            new SaslPolicy(AllowAnonymous: true, []), store, new AttemptLimiter(TimeProvider.System), verifier, NullLogger<SaslAuthenticator>.Instance);
        await using var server = new AmqpServer(
            new ServerOptions { Amqp = [new IPEndPoint(IPAddress.Loopback, 0)], ContainerId = "broker", IdleTimeout = TimeSpan.FromHours(1) },
            engine, authenticator, new ConnectionAdmission(2 * Connections, 2 * Connections), TimeProvider.System, NullLogger<AmqpServer>.Instance);
        server.Start();

        var peers = new List<Socket>();
        try
        {
            await OpenAsync(peers, server.AmqpEndPoints[0], 50);
            var before = GC.GetTotalMemory(forceFullCollection: true);
            var allocated = GC.GetTotalAllocatedBytes(precise: true);
            await OpenAsync(peers, server.AmqpEndPoints[0], Connections);
            allocated = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / Connections;
            var held = (GC.GetTotalMemory(forceFullCollection: true) - before) / Connections;
            await TestContext.Out.WriteLineAsync($"{held} bytes per connection, {allocated} allocated");
            Assert.That(held, Is.LessThan(6 * 1024), "bytes per idle connection, the test's own socket included");
        }
        finally
        {
            peers.ForEach(static peer => peer.Dispose());
        }
    }

    /// <summary>Opens connections one after the other, each with a session; complete when the broker has answered begin.</summary>
    private static async Task OpenAsync(List<Socket> peers, IPEndPoint endPoint, int count)
    {
        var buffer = new byte[4096];
        for (var i = 0; i < count; i++)
        {
            var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
            peers.Add(peer);
            await peer.ConnectAsync(endPoint);
            await peer.SendAsync(Conversation());
            for (int total = 0, wanted = int.MaxValue; total < wanted;)
            {
                var read = await peer.ReceiveAsync(buffer.AsMemory(total));
                Assert.That(read, Is.Positive, "the broker hung up");
                total += read;
                wanted = EndOfBegin(buffer.AsSpan(0, total));
            }
        }
    }

    /// <summary>Where the third item (header, open, begin) ends; more than there is as long as it is not complete.</summary>
    private static int EndOfBegin(ReadOnlySpan<byte> bytes)
    {
        var at = ProtocolHeader.Size;
        for (var frame = 0; frame < 2; frame++)
        {
            if (bytes.Length < at + sizeof(uint))
            {
                return int.MaxValue;
            }

            at += System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes[at..]);
        }

        return at;
    }

    private static byte[] Conversation()
    {
        using var buffer = new ByteBuffer();
        buffer.Write("AMQP\0\u0001\0\0"u8);
        Frame(buffer, new Open { ContainerId = "idle" });
        Frame(buffer, new Begin { NextOutgoingId = 0, IncomingWindow = 2048, OutgoingWindow = 2048 });
        return buffer.ToArray();
    }

    private static void Frame(ByteBuffer buffer, IAmqpEncodable performative)
    {
        var start = FrameWriter.Begin(buffer, FrameType.Amqp, 0);
        performative.Write(new AmqpWriter(buffer));
        FrameWriter.End(buffer, start);
    }
}
