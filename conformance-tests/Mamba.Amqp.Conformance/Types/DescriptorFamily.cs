using System.Text;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;

namespace Mamba.Amqp.Conformance.Types;

/// <summary>The sections of a message by the name of their descriptor instead of its code (AMQP 1.0 §1.3, §3.2).</summary>
public static class DescriptorFamily
{
    private static readonly (string Name, byte[] Value)[] Sections =
    [
        ("amqp:header:list", [0xc0, 2, 1, 0x41]),
        ("amqp:message-annotations:map", [0xc1, 11, 2, 0xa3, 7, .. "x-opt-a"u8, 0x41]),
        ("amqp:properties:list", [0xc0, 5, 1, 0xa1, 2, .. "id"u8]),
        ("amqp:application-properties:map", [0xc1, 5, 2, 0xa1, 1, (byte)'k', 0x41]),
        ("amqp:data:binary", [0xa0, 1, 0xff]),
        ("amqp:amqp-sequence:list", [0xc0, 2, 1, 0x41]),
        ("amqp:amqp-value:*", [0x41]),
    ];

    [CaseFamily]
    public static IEnumerable<ConformanceCase> Family()
    {
        foreach (var (name, value) in Sections)
        {
            var words = name.Split(':');
            yield return ConformanceCase.Of(typeof(DescriptorFamily), $"TYPE-section-{words[1]}", "3.2", $"The section {words[1]} may be named by the symbol {name}", "", async c =>
            {
                byte[] section = [0x00, 0xa3, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), .. value];
                var session = await c.BeginAsync();
                var queue = await c.QueueAsync();
                var sender = await session.SendToAsync(queue);
                var body = words[1] is "data" or "amqp-sequence" or "amqp-value" ? Array.Empty<byte>() : Raw.Section(0x77, [0x41]);
                await sender.SendAcceptedAsync([.. section, .. body]);
                await (await session.ReceiveFromAsync(queue)).TakeAsync();
            });
        }
    }
}
