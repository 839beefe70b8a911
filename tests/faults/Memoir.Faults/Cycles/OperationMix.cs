using System.Buffers;
using System.Text.Json;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>Chooses what one writer does next and remembers what it wrote; no two writers touch the same message.</summary>
internal sealed class OperationMix(int writer, int seed, Ledger ledger)
{
    private const int MessagesPerConversation = 150;

    private readonly Random _random = new(seed + writer);
    private readonly Wording _wording = new(new Random(seed + writer + 1_000));
    private readonly List<ExpectedMessage> _alive = [];
    private readonly List<ExpectedMessage> _beside = [];
    private readonly List<ExpectedKey> _keys = [];
    private int _entities;

    /// <summary>Every message this writer ever sent.</summary>
    public List<ExpectedMessage> Messages { get; } = [];

    public List<ExpectedKey> Keys { get; } = [];

    private string Tenant => $"faults-{writer % 3}";

    /// <summary>A tenant that only this writer fills and erases.</summary>
    private string SideTenant => $"faults-side-{writer}";

    public Operation Next()
    {
        return _random.Next(100) switch
        {
            < 30 => Store(key: false),
            < 50 => Store(key: true),
            < 57 => Batch(key: false),
            < 64 => Batch(key: true),
            < 74 => Replace(),
            < 84 => Patch(),
            < 91 => Forget(),
            < 93 => CreateKey(),
            < 94 => RevokeKey(),
            < 98 => StoreBeside(),
            _ => EraseSideTenant(),
        };
    }

    /// <summary>Takes note of an operation whose fate is known, so that later ones build on it.</summary>
    public void Settled(Operation operation)
    {
        foreach (var (message, after) in operation.Changes)
        {
            var list = message.Tenant == SideTenant ? _beside : _alive;
            if (after is null)
            {
                list.Remove(message);
            }
            else if (message.Past.Count == 0)
            {
                list.Add(message);
            }
        }

        if (operation.ApiKey is { } key)
        {
            _keys.Remove(key);
            if (key is { Active: true, Id: not null })
            {
                _keys.Add(key);
            }
        }

        // Old messages are left alone from here on; they are still checked.
        if (_alive.Count > 2_000)
        {
            _alive.RemoveRange(0, 1_000);
        }
    }

    private Operation Store(bool key)
    {
        var message = NewMessage(Tenant, external: _random.Next(4) == 0);
        return Post("store", Tenant, "/v1/messages", key, [message], json => Wording.Write(json, message.Message, message.After!));
    }

    private Operation Batch(bool key)
    {
        var changes = Enumerable.Range(0, _random.Next(2, 41)).Select(_ => NewMessage(Tenant, external: false)).ToList();
        var refused = _random.Next(3) == 0 ? _random.Next(changes.Count) : -1;
        return Post("batch", Tenant, "/v1/messages/batch", key, changes, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            for (var i = 0; i < changes.Count; i++)
            {
                if (i == refused)
                {
                    Wording.WriteRefused(json, changes[i].Message);
                }

                Wording.Write(json, changes[i].Message, changes[i].After!);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private Operation Replace()
    {
        var known = _alive.Where(message => message.ExternalId is not null).ToList();
        if (known.Count == 0)
        {
            return Store(key: true);
        }

        var message = known[_random.Next(known.Count)];
        var change = new MessageChange(message, _wording.Version(message.Entity, message.NextText()));
        return Post(
            "replace", Tenant, "/v1/messages", _random.Next(2) == 0, [change], json => Wording.Write(json, message, change.After!));
    }

    private Operation Patch()
    {
        if (PickAlive() is not { } message)
        {
            return Store(key: false);
        }

        var after = message.Acknowledged! with { Metadata = _wording.Metadata(), Importance = _wording.Importance() };
        var body = Json(json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("metadata");
            json.WriteRawValue(after.Metadata);
            json.WriteNumber("importance_override", after.Importance!.Value);
            json.WriteEndObject();
        });
        return new Operation(ledger.NextNumber(), "patch", Tenant, HttpMethod.Patch, PathOf(message))
        {
            Body = body,
            Changes = [new MessageChange(message, after)],
        };
    }

    private Operation Forget()
    {
        return PickAlive() is { } message
            ? new Operation(ledger.NextNumber(), "delete", Tenant, HttpMethod.Delete, PathOf(message))
            {
                Changes = [new MessageChange(message, null)],
            }
            : Store(key: false);
    }

    private Operation CreateKey()
    {
        var number = ledger.NextNumber();
        var key = new ExpectedKey($"key-{writer}-{number}", Tenant);
        Keys.Add(key);
        var body = Json(json =>
        {
            json.WriteStartObject();
            json.WriteString("name", key.Name);
            json.WriteString("tenant_id", key.Tenant);
            json.WriteStartArray("scopes");
            json.WriteStringValue("memory:read");
            json.WriteEndArray();
            json.WriteEndObject();
        });
        return new Operation(number, "create-key", Tenant, HttpMethod.Post, "/v1/admin/keys")
        {
            Body = body,
            ApiKey = key,
            Key = $"idem-{writer}-{number}",
        };
    }

    private Operation RevokeKey()
    {
        return _keys.Count == 0
            ? CreateKey()
            : new Operation(
                ledger.NextNumber(), "revoke-key", Tenant, HttpMethod.Delete, $"/v1/admin/keys/{_keys[0].Id}?tenant_id={Tenant}")
            {
                ApiKey = _keys[0],
            };
    }

    private Operation StoreBeside()
    {
        var change = NewMessage(SideTenant, external: false);
        return Post(
            "store", SideTenant, "/v1/messages", false, [change], json => Wording.Write(json, change.Message, change.After!));
    }

    private Operation EraseSideTenant() =>
        new(ledger.NextNumber(), "erase", SideTenant, HttpMethod.Delete, $"/v1/tenants/{SideTenant}/data")
        {
            Changes = [.. _beside.Select(message => new MessageChange(message, null))],
        };

    private Operation Post(
        string kind, string tenant, string path, bool key, IReadOnlyList<MessageChange> changes, Action<Utf8JsonWriter> write)
    {
        var number = ledger.NextNumber();
        return new Operation(number, kind, tenant, HttpMethod.Post, path)
        {
            Body = Json(write),
            Key = key ? $"idem-{writer}-{number}" : null,
            Changes = changes,
        };
    }

    private MessageChange NewMessage(string tenant, bool external)
    {
        var entity = $"zq{writer}x{++_entities}";
        var conversation = $"w{writer}-c{_entities / MessagesPerConversation}";
        var message = new ExpectedMessage(entity, tenant, conversation, external ? $"ext-{entity}" : null);
        Messages.Add(message);
        return new MessageChange(message, _wording.Version(entity, message.NextText()));
    }

    private ExpectedMessage? PickAlive() => _alive.Count == 0 ? null : _alive[_random.Next(_alive.Count)];

    private static string PathOf(ExpectedMessage message) => $"/v1/messages/{message.Id}?tenant_id={message.Tenant}";

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            write(json);
        }

        return buffer.WrittenSpan.ToArray();
    }
}
