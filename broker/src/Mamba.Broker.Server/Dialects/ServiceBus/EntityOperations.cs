using System.Collections;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// The operations on one entity for one connection. Each method is called in the connection's turn and returns what is left to do off it.
/// What they throw becomes the response.
/// </summary>
internal sealed class EntityOperations(AmqpConnection connection, EntityAddress entity)
{
    private const int MaxPeeked = 1_000;

    private MessageEngine Engine => connection.Server.Engine;

    /// <summary>Stores messages that each say when they are to be delivered; their sequence numbers.</summary>
    public Func<Task<EntityResponse>> Schedule(AmqpMap body)
    {
        RequirePlain();
        var messages = ReadMessages(body);
        var access = connection.Access;
        var address = NodeAddress.Parse(entity.Name, default);
        return async () =>
        {
            try
            {
                access?.Require(AddressActions.Send, address);
                var node = await connection.Server.Addresses.ResolveTargetAsync(address, access);
                var (first, failed) = await new ScheduledPublish(Engine, node).PublishAsync(messages);
                return failed is null
                    ? EntityResponse.Ok(new AmqpMap { { "sequence-numbers", Enumerable.Range(0, messages.Count).Select(i => first == 0 ? 0 : (long)first + i).ToArray() } })
                    : new EntityResponse(ManagementStatus.Forbidden, failed.Description ?? "", Condition: failed.Condition.Value);
            }
            finally
            {
                messages.ForEach(static message => message.Release());
            }
        };
    }

    /// <summary>Cancels messages that wait for their time.</summary>
    public Func<Task<EntityResponse>> Cancel(AmqpMap body)
    {
        RequirePlain();
        var numbers = Items(body, "sequence-numbers").Select(ToNumber).ToList();
        connection.Access?.Require(AddressActions.Send, NodeAddress.Parse(entity.Name, default));
        return async () =>
        {
            foreach (var number in numbers)
            {
                if (!await Engine.CancelScheduledAsync((ulong)number, entity.Name))
                {
                    throw new EntityException(
                        ManagementStatus.NotFound, $"No message of '{entity.Name}' with the sequence number {number} waits for its time.", EntityResponse.MessageNotFound);
                }
            }

            return EntityResponse.Ok();
        };
    }

    /// <summary>Shows messages from a sequence number on, without taking them.</summary>
    public Func<Task<EntityResponse>> Peek(AmqpMap body)
    {
        var from = ToNumber(body["from-sequence-number"]);
        var count = (int)Math.Min(ToNumber(body["message-count"]), MaxPeeked);
        var peek = new EntityPeek(new EntitySource(entity, connection), connection.Server.Time);
        return () =>
        {
            var messages = peek.Read((ulong)from, count);
            return Task.FromResult(messages.Count == 0
                ? new EntityResponse(ManagementStatus.NoContent, "No Content")
                : EntityResponse.Ok(new AmqpMap { { "messages", messages.ConvertAll(static bytes => (object?)new AmqpMap { { "message", bytes } }) } }));
        };
    }

    /// <summary>Says until when locks last that the connection's receivers hold.</summary>
    public Func<Task<EntityResponse>> RenewLocks(AmqpMap body, string? linkName)
    {
        var tokens = Items(body, "lock-tokens").Select(static token => token is Guid id ? id : throw Wrong("lock-tokens", "uuids")).ToList();
        if (!tokens.TrueForAll(token => connection.ServiceBus!.Holds(linkName, token)))
        {
            throw new EntityException(
                ManagementStatus.Gone, "No receiver of this connection holds the message: it is settled, or was given back.", EntityResponse.LockLost);
        }

        var until = new Timestamp(EntityReceiver.LockedUntil(connection));
        var response = EntityResponse.Ok(new AmqpMap { { "expirations", Enumerable.Repeat(until, tokens.Count).ToArray() } });
        return () => Task.FromResult(response);
    }

    private void RequirePlain()
    {
        if (!entity.IsPlain)
        {
            throw new EntityException(ManagementStatus.BadRequest, "Messages are scheduled on a queue or a topic, not on a subscription or on dead letters.");
        }
    }

    private List<StoredMessage> ReadMessages(AmqpMap body)
    {
        // All are there before the first is read: what was read is to be released.
        var encoded = Items(body, "messages").ConvertAll(
            static item => (item as AmqpMap)?["message"] as byte[] ?? throw Wrong("messages", "maps, each with a message as binary"));
        var messages = new List<StoredMessage>(encoded.Count);
        foreach (var bytes in encoded)
        {
            if (MessageIngress.Read(bytes, connection.Now, wantTo: false, out _, out var fault) is not { } message)
            {
                messages.ForEach(static read => read.Release());
                throw new EntityException(ManagementStatus.BadRequest, $"Message {messages.Count + 1}: {fault!.Description}", fault.Condition.Value);
            }

            message = MessageStamp.Stamp(message, connection.Now);
            message.Origin = connection.ContainerId;
            messages.Add(message);
        }

        return messages;
    }

    private static List<object?> Items(AmqpMap body, string key) => body[key] switch
    {
        IEnumerable items and not string and not byte[] => [.. items.Cast<object?>()],
        _ => throw Wrong(key, "a list or an array"),
    };

    private static long ToNumber(object? value) =>
        Whole.Read(value) is { } number and >= 0 ? number : throw ManagementException.Bad("A sequence number or a count must be a whole number, 0 or more.");

    private static ManagementException Wrong(string key, string wanted) => ManagementException.Bad($"'{key}' of the body must be {wanted}.");
}
