using System.Text.Json.Nodes;

namespace Mamba.Amqp.Interop.Tests;

/// <summary>A way the broker is set up for a group of cases.</summary>
/// <param name="Name">What a suite's runner calls the group: "--list --profile NAME".</param>
/// <param name="MaxMessageSize">limits.maxMessageSize, in bytes.</param>
/// <param name="AllowsAnonymous">Whether clients without credentials are let in.</param>
/// <param name="IdleTimeout">limits.idleTimeout.</param>
public sealed record BrokerProfile(string Name, long MaxMessageSize, bool AllowsAnonymous, string IdleTimeout)
{
    private const long MiB = 1024 * 1024;

    /// <summary>As the broker comes, but for the address rules the cases rely on.</summary>
    public static BrokerProfile Default { get; } = new("default", 16 * MiB, true, "1 min");

    /// <summary>The message limit raised, for messages of 64 MiB.</summary>
    public static BrokerProfile Large { get; } = new("large", 128 * MiB, true, "1 min");

    /// <summary>Nobody comes in without credentials, a silent peer is soon given up, and a link ends over annotations that are not known.</summary>
    public static BrokerProfile Secured { get; } = new("secured", 16 * MiB, false, "2 s");

    /// <summary>
    /// As the broker comes, with rules of who may do what: clients without credentials may little, the user with a password everything.
    /// </summary>
    public static BrokerProfile Permissions { get; } = Default with { Name = "permissions" };

    /// <summary>As the broker comes, and cases may have it killed.</summary>
    public static BrokerProfile Mortal { get; } = Default with { Name = "mortal" };

    /// <summary>Nobody comes in without credentials, and Azure's clients by a shared access key.</summary>
    public static BrokerProfile Azure { get; } = new("azure", 16 * MiB, false, "1 min");

    /// <summary>Whether cases may ask for the broker's end.</summary>
    internal bool IsMortal => ReferenceEquals(this, Mortal);

    /// <summary>The broker's configuration file.</summary>
    /// <param name="certificates">The folder <see cref="Certificates.Write"/> wrote to.</param>
    internal JsonObject Configuration(string certificates) => new()
    {
        ["tls"] = new JsonObject
        {
            ["certificate"] = Path.Combine(certificates, "server.pem"),
            ["certificateKey"] = Path.Combine(certificates, "server.key"),
            ["clientCertificateAuthority"] = Path.Combine(certificates, "ca.pem"),
        },
        ["security"] = Security(),
        ["listeners"] = new JsonObject { ["hostnames"] = ReferenceEquals(this, Permissions) ? new JsonArray("127.0.0.1", "mamba.test") : [] },
        ["links"] = new JsonObject { ["unknownAnnotations"] = ReferenceEquals(this, Secured) ? "refuse" : "forward" },
        ["replies"] = new JsonObject { ["keepAfterLoss"] = "15 s" },
        ["limits"] = new JsonObject { ["maxMessageSize"] = MaxMessageSize, ["idleTimeout"] = IdleTimeout },
        ["addresses"] = new JsonObject
        {
            ["rules"] = new JsonArray(
                new JsonObject { ["pattern"] = "retry.#", ["maxDeliveries"] = 3 },
                new JsonObject { ["pattern"] = "closed.#", ["autoCreate"] = false },
                new JsonObject { ["pattern"] = "news.#", ["kind"] = "topic" },
                new JsonObject { ["pattern"] = "small.#", ["maxLength"] = 5 },
                new JsonObject { ["pattern"] = "kept.#", ["kind"] = "topic", ["retain"] = 3 },
                new JsonObject { ["pattern"] = "ring.dead.#", ["maxLength"] = 3, ["overflow"] = "dropHead", ["deadLetterDropped"] = true },
                new JsonObject { ["pattern"] = "ring.#", ["maxLength"] = 3, ["overflow"] = "dropHead" },
                new JsonObject { ["pattern"] = "tight.#", ["maxLength"] = 4, ["overflow"] = "block" },
                new JsonObject { ["pattern"] = "last.#", ["lastValueKey"] = "symbol" },
                new JsonObject { ["pattern"] = "seen.#", ["lastValueKey"] = "symbol", ["nonDestructive"] = true },
                new JsonObject { ["pattern"] = "backoff.slow.#", ["retry"] = Retry("1 h", "free") },
                new JsonObject { ["pattern"] = "backoff.held.#", ["retry"] = Retry("1 h", "group") },
                new JsonObject { ["pattern"] = "backoff.group.#", ["retry"] = Retry("300 ms", "group") },
                new JsonObject { ["pattern"] = "backoff.#", ["maxDeliveries"] = 3, ["retry"] = Retry("300 ms", "free") },
                new JsonObject { ["pattern"] = "once.topic.#", ["kind"] = "topic", ["duplicates"] = new JsonObject() },
                new JsonObject { ["pattern"] = "once.#", ["duplicates"] = new JsonObject() },
                new JsonObject { ["pattern"] = "single.#", ["singleActiveConsumer"] = true },
                new JsonObject
                {
                    ["pattern"] = "custom.#", ["deadLetterAddress"] = "dead.{address}", ["expiryAddress"] = "late.{address}",
                }),
        },
    };

    private static JsonObject Retry(string delay, string order) =>
        new() { ["delay"] = delay, ["multiplier"] = 2, ["jitter"] = 0, ["maxDelay"] = "1 h", ["order"] = order };

    private JsonObject Security()
    {
        var security = new JsonObject { ["anonymous"] = AllowsAnonymous };
        if (ReferenceEquals(this, Azure) || IsMortal)
        {
            var key = BrokerFixture.SharedAccessKey();
            key["user"] = BrokerFixture.User;
            security["sharedAccessKeys"] = new JsonArray(key);
        }

        if (ReferenceEquals(this, Permissions))
        {
            security["groups"] = new JsonArray(new JsonObject { ["name"] = "visitors", ["users"] = new JsonArray("anonymous") });
            security["permissions"] = new JsonArray(
                Rule("post.#", "anonymous", "send", "create"),
                new JsonObject { ["pattern"] = "fixed.#", ["groups"] = new JsonArray("visitors"), ["actions"] = new JsonArray("send", "receive") },
                Rule("look.#", "anonymous", "browse"),
                Rule("feed.secret.#", "anonymous"),
                Rule("feed.#", "anonymous", "receive"),
                Rule("own.#", "anonymous", "send", "receive", "create", "manage"),
                Rule("$temporary", "anonymous", "send", "create"),
                Rule("#", BrokerFixture.User, "send", "receive", "browse", "create", "manage"));
        }

        return security;
    }

    private static JsonObject Rule(string pattern, string user, params string[] actions) => new()
    {
        ["pattern"] = pattern,
        ["users"] = new JsonArray(user),
        ["actions"] = new JsonArray([.. actions.Select(static action => JsonValue.Create(action))]),
    };
}
