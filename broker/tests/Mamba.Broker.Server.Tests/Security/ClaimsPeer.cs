using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Security;

/// <summary>A connection that says who it is by tokens at $cbs, as Azure's libraries do.</summary>
internal sealed class ClaimsPeer : IAsyncDisposable
{
    public const string KeyName = "teller";
    public const string Key = "not-a-secret-of-anybody";
    public const string SharedAccess = "servicebus.windows.net:sastoken";

    private const uint Out = 30;
    private const uint In = 31;

    private uint _sent;

    private ClaimsPeer(RawPeer raw) => Raw = raw;

    public RawPeer Raw { get; }

    /// <summary>Unix seconds an hour from now.</summary>
    public static long Later => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 3600;

    /// <summary>Connected by a SASL mechanism that shows no credentials, with a session.</summary>
    public static async Task<RawPeer> BeginAsync(IPEndPoint endpoint, string mechanism = "MSSBCBS")
    {
        var peer = await RawPeer.ConnectAsync(endpoint);
        peer.InSasl = true;
        await peer.SendAsync(Frames.SaslHeader);
        await peer.ReadHeaderAsync(Frames.SaslHeader);
        var offered = await peer.NextAsync<SaslMechanisms>();
        Assert.That(offered.SaslServerMechanisms.Select(static m => m.Value), Does.Contain(mechanism));
        await peer.SendAsync(Frames.Sasl(new SaslInit { Mechanism = mechanism }));
        Assert.That((await peer.NextAsync<SaslOutcome>()).Code, Is.EqualTo(SaslCode.Ok));
        peer.InSasl = false;
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open($"claims-{Guid.NewGuid():N}"), Frames.Begin());
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        await peer.NextAsync<Open>();
        await peer.NextAsync<Begin>();
        return peer;
    }

    /// <summary>The same, with links to $cbs and from it; the latter names no address of its own.</summary>
    public static async Task<ClaimsPeer> ConnectAsync(IPEndPoint endpoint, string mechanism = "MSSBCBS") =>
        await AttachAsync(await BeginAsync(endpoint, mechanism));

    public static async Task<ClaimsPeer> AttachAsync(RawPeer peer)
    {
        await peer.AttachSenderAsync(Out, "$cbs");
        await peer.SendAsync(Frames.Of(new Attach { Name = "cbs-answers", Handle = In, Role = Role.Receiver, Source = new Source { Address = "$cbs" } }));
        Assert.That((await peer.NextAsync<Attach>()).Source?.Address, Is.EqualTo("$cbs"), () => peer.Trace);
        await peer.SendAsync(Frames.Credit(In, 1_000));
        return new ClaimsPeer(peer);
    }

    /// <summary>A token as Azure's libraries make it.</summary>
    public static string Token(string resource, long? expiry = null, string name = KeyName, string key = Key)
    {
        var signed = string.Create(CultureInfo.InvariantCulture, $"{Uri.EscapeDataString(resource)}\n{expiry ?? Later}");
        var signature = Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(signed)));
        var parts = signed.Split('\n');
        return $"SharedAccessSignature sr={parts[0]}&sig={Uri.EscapeDataString(signature)}&se={parts[1]}&skn={Uri.EscapeDataString(name)}";
    }

    /// <summary>Puts a token and waits for the answer.</summary>
    public async Task<(int Status, string Description)> PutAsync(
        string audience, string? token = null, string type = SharedAccess, string operation = "put-token")
    {
        await Raw.SendAsync(Request(audience, token, type, operation));
        var message = (await Raw.ReceiveAsync()).Message;
        return ((int)message.ApplicationProperties!["status-code"]!, (string)message.ApplicationProperties["status-description"]!);
    }

    /// <summary>The next request, as a frame.</summary>
    public byte[] Request(string audience, string? token = null, string type = SharedAccess, string operation = "put-token")
    {
        var request = new AmqpMessage
        {
            Properties = new MessageProperties { MessageId = (ulong)_sent, ReplyTo = "cbs-answers", To = "$cbs" },
            ApplicationProperties = new AmqpMap { { "operation", operation }, { "type", type }, { "name", audience } },
            Body = new ValueBody(token ?? Token(audience)),
        };
        return Frames.Transfer(Out, _sent++, request.Encode(), settled: true);
    }

    /// <summary>Sends a message unsettled and waits for its outcome; tokens and messages are numbered together.</summary>
    public Task<DeliveryState?> PublishAsync(uint handle, string body) => Raw.PublishAsync(handle, _sent++, Frames.Message(body));

    /// <summary>Attaches and returns the error that the link is refused with; null when it is there.</summary>
    public async Task<AmqpError?> TryAttachAsync(byte[] attach) => await TryAttachAsync(Raw, attach);

    public static async Task<AmqpError?> TryAttachAsync(RawPeer peer, byte[] attach)
    {
        await peer.SendAsync(attach);
        var answer = await peer.NextAsync<Attach>();
        var isRefused = answer.Role == Role.Receiver ? answer.Target is null : answer.Source is null;
        return isRefused ? (await peer.NextAsync<Detach>()).Error : null;
    }

    public ValueTask DisposeAsync() => Raw.DisposeAsync();
}
