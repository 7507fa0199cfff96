// Calls the service with OpenAI's client for JavaScript, and prints what that makes of the answers.
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });

const ask = (options) =>
  client.audio.transcriptions.create({ file: fs.createReadStream(path), model: "whisper-1", ...options });

const events = async (options) => {
  const found = [];
  for await (const event of await ask({ stream: true, ...options })) found.push(event);
  return found;
};

const failure = async (promise) => {
  try {
    return { none: await promise };
  } catch (error) {
    const { status, code, param, type, requestID } = error;
    return { name: error.constructor.name, status, code, param, type, requestID };
  }
};

const page = await client.models.list();
console.log(
  JSON.stringify({
    models: page.data.map((model) => model.id),
    json: await ask({ language: "en", prompt: "A call.", temperature: 0, chunking_strategy: "auto" }),
    text: await ask({ response_format: "text" }),
    srt: await ask({ response_format: "srt" }),
    vtt: await ask({ response_format: "vtt" }),
    verbose: await ask({
      response_format: "verbose_json",
      timestamp_granularities: ["word", "segment"],
      chunking_strategy: { type: "server_vad", threshold: 0.5 },
    }),
    diarized: await ask({ response_format: "diarized_json", known_speaker_names: ["agent", "customer"] }),
    events: await events({ include: ["logprobs"] }),
    segments: await events({ response_format: "diarized_json" }),
    translation: await client.audio.translations.create({ file: fs.createReadStream(path), model: "whisper-1" }),
    unknownModel: await failure(ask({ model: "gpt-9" })),
    streamedSubtitles: await failure(ask({ stream: true, response_format: "srt" })),
    wrongKey: await failure(new OpenAI({ baseURL, apiKey: "wrong-0123456789" }).models.list()),
  }),
);
