using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>
/// A valid conversation with a few bytes changed, left out, put in or repeated, at places drawn from a fixed seed: the broker
/// answers in well-formed frames, blames what came and not itself, and ends the connection.
/// </summary>
[TestFixture]
internal sealed class GarbledInputTests : RunningBroker
{
    private const int Cases = 400;

    private static readonly ParallelOptions AFew = new() { MaxDegreeOfParallelism = 8 };

    [TestCase(1)]
    [TestCase(2)]
    public async Task In_the_opening(int seed)
    {
        var times = new AnswerTimes();
        await Parallel.ForEachAsync(Enumerable.Range(0, Cases), AFew, async (number, _) => await times.MeasureAsync(async () =>
        {
            var conversation = new RecordedConversation("garbled.in", "garbled.out");
            await using var peer = await RecordedConversation.ConnectAsync(Endpoint);
            await SendAndReadAsync(peer, [.. Garble(conversation.Opening, seed, number), .. conversation.Working], $"seed {seed}, case {number}");
        }));
        times.AssertWithinBound(Cases);
    }

    [TestCase(3)]
    [TestCase(4)]
    public async Task In_the_work(int seed)
    {
        await FillAsync(Cases);
        var times = new AnswerTimes();
        await Parallel.ForEachAsync(Enumerable.Range(0, Cases), AFew, async (number, _) => await times.MeasureAsync(async () =>
        {
            var conversation = new RecordedConversation("garbled.in", "garbled.out");
            await using var peer = await conversation.OpenAsync(Endpoint);
            await SendAndReadAsync(peer, Garble(conversation.Working, seed, number), $"seed {seed}, case {number}");
        }));
        times.AssertWithinBound(Cases);

        // What was stored can be read: the counter decodes every message strictly.
        Assert.That(await TakeAllAsync("garbled.in", atLeast: 0), Is.LessThanOrEqualTo(2 * Cases * 4));
    }

    /// <summary>Bytes without any sense, in every state in which frames are read.</summary>
    [TestCase(5)]
    public async Task In_place_of_everything_that_should_follow(int seed)
    {
        int[] states = [0, .. FrameEnds(new RecordedConversation("garbled.in", "garbled.out").Opening)];
        await Parallel.ForEachAsync(Enumerable.Range(0, Cases / 2), AFew, async (number, _) =>
        {
            var random = new Random((seed * 1_000_003) + number);
            var noise = new byte[random.Next(1, 600)];
            random.NextBytes(noise);
            var conversation = new RecordedConversation("garbled.in", "garbled.out");
            await using var peer = await RecordedConversation.ConnectAsync(Endpoint);
            await SendAndReadAsync(peer, [.. conversation.Opening[..states[number % states.Length]], .. noise], $"seed {seed}, case {number}");
        });
    }

    private static async Task SendAndReadAsync(RawPeer peer, byte[] bytes, string which)
    {
        await peer.TrySendAsync(bytes);
        peer.ShutdownSend();
        List<PeerFrame> answer;
        try
        {
            answer = await peer.ReadToEndAsync();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{which}: {e.Message}\nsent: {Convert.ToHexString(bytes)}", e);
        }

        foreach (var frame in answer)
        {
            var error = (frame.Performative as Close)?.Error ?? (frame.Performative as End)?.Error ?? (frame.Performative as Detach)?.Error;
            if (error is not null)
            {
                Assert.That(error.Condition, Is.Not.EqualTo(ErrorCondition.InternalError), $"{which}: {error}");
                Assert.That(error.Description, Is.Not.Empty, which);
            }
        }

        Assert.That(answer.Count(static f => f.Performative is Close), Is.LessThanOrEqualTo(1), which);
    }

    private static byte[] Garble(byte[] bytes, int seed, int number)
    {
        var random = new Random((seed * 1_000_003) + number);
        var garbled = new List<byte>(bytes);
        for (var left = random.Next(1, 4); left > 0; left--)
        {
            var at = random.Next(garbled.Count - 8);
            switch (random.Next(5))
            {
                case 0:
                    garbled[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    garbled[at] = (byte)random.Next(256);
                    break;
                case 2:
                    garbled.RemoveRange(at, random.Next(1, 8));
                    break;
                case 3:
                    garbled.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    garbled.InsertRange(at, garbled.GetRange(at, random.Next(1, 8)));
                    break;
            }
        }

        return [.. garbled];
    }

    /// <summary>Where the frames and headers of the opening end.</summary>
    private static IEnumerable<int> FrameEnds(byte[] opening)
    {
        var at = 0;
        while (at < opening.Length)
        {
            at += opening[at] == (byte)'A' ? 8 : (opening[at] << 24) | (opening[at + 1] << 16) | (opening[at + 2] << 8) | opening[at + 3];
            yield return at;
        }
    }

    private async Task FillAsync(int count)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, "filler");
        await peer.AttachSenderAsync(0, "garbled.out");
        await peer.SendAsync([.. Enumerable.Range(0, count + 100).Select(static i => Frames.Transfer(0, (uint)i, Frames.Message("x"), settled: true))]);
        await peer.CloseAsync();
    }
}
