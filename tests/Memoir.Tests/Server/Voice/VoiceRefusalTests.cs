using System.Net;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Voice;

/// <summary>Refusals as the voice assistant's family reads them, one for each rule.</summary>
public sealed class VoiceRefusalTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Theory]
    [InlineData("POST", "/memory/store", """{"content":"x"}""", 400, "invalid-body")]
    [InlineData("POST", "/memory/store", """{"user_id":"u","role":"robot","content":"x"}""", 422, "validation-failed")]
    [InlineData("POST", "/memory/store", """{"user_id":"u","content":"x","metadata":{"thread_id":""}}""", 422, "validation-failed")]
    [InlineData("POST", "/memory/retrieve", """{"user_id":"u","limit":501}""", 422, "validation-failed")]
    [InlineData("POST", "/memory/retrieve", """{"user_id":"u","limit":0}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories/user", """{"type":"a","key":"b","value":{}}""", 400, "invalid-request")]
    [InlineData("POST", "/v1/memories/user?user_id=a", """{"user_id":"b","content":"x"}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories/shared", """{"user_id":"b","content":"x"}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"type":"a","value":{"a":1}}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"key":"a","value":{"a":1}}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b"}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":"text"}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1e400}}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1},"content":"x"}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"type":"a b","key":"b","value":{"n":1}}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"","value":{"n":1}}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1},"ttl_days":0}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1},"ttl_days":1.5}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1},"ttl_days":"30"}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"content":""}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"___","value":{}}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"content":"x","categories":[""]}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"content":"x","categories":[null]}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"content":"x","importance":1.5}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"content":"x","metadata":[]}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"content":"x","importence":1}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories/batch", """{"items":[]}""", 422, "validation-failed")]
    [InlineData("GET", "/v1/memories?limit=201", null, 422, "validation-failed")]
    [InlineData("GET", "/v1/memories?type=rule", null, 400, "invalid-request")]
    [InlineData("GET", "/v1/memories?cursor=AAAA", null, 400, "invalid-cursor")]
    [InlineData("GET", "/v1/memories/user/u?include_shared=maybe", null, 400, "invalid-request")]
    [InlineData("GET", "/v1/memories/42", null, 404, "not-found")]
    [InlineData("DELETE", "/v1/memories", null, 405, "method-not-allowed")]
    [InlineData("GET", "/memory/store/x", null, 404, "not-found")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1e-99999999999}}""", 400, "invalid-body")]
    [InlineData("POST", "/v1/memories", """{"type":"a","key":"b","value":{"n":1},"ttl_days":36501}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"content":"x","categories":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"]}""", 422, "validation-failed")]
    [InlineData("POST", "/v1/memories", """{"content":"x","categories":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}""", 422, "validation-failed")]
    [InlineData("GET", "/v1/memories/01a20231-73dd-7f5f-a2e3-93bd6026e2e2", null, 404, "not-found")]
    [InlineData("DELETE", "/v1/memories/01a20231-73dd-7f5f-a2e3-93bd6026e2e2", null, 404, "not-found")]
    [InlineData("PATCH", "/v1/memories/01a20231-73dd-7f5f-a2e3-93bd6026e2e2", "{}", 404, "not-found")]
    [InlineData("GET", "/v1/memories/01a20231-73dd-7f5f-a2e3-93bd6026e2e2/history", null, 404, "not-found")]
    [InlineData("POST", "/v1/memories/01a20231-73dd-7f5f-a2e3-93bd6026e2e2/restore", """{"version":1}""", 404, "not-found")]
    public async Task A_refusal_says_so_as_this_family_reads_it(string method, string url, string? body, int status, string slug)
    {
        var client = await shared.App.MemberAsync("voice");
        await (await client.SendAsync(method, url, body)).FailedAsync((HttpStatusCode)status, slug);
    }

    [Fact]
    public async Task A_body_of_another_media_type_is_refused_in_the_same_words()
    {
        await (await (await shared.App.MemberAsync("voice")).SendAsync("POST", "/v1/memories", "content=x", "application/x-www-form-urlencoded")).FailedAsync(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }
}
