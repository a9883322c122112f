// Sends by a DingTalk robot's SDK what a file says: [{"url", "token", "secret", "timestamp", "title",
// "text", "at"}], each as if it were that time; prints what the robot answered, as JSON.
"use strict";
const fs = require("fs");
const ChatBot = require("dingtalk-robot-sender");

async function send(message) {
	Date.now = () => message.timestamp;
	const bot = new ChatBot({
		baseUrl: message.url, accessToken: message.token, secret: message.secret });
	const answer = await (message.title === null ? bot.text(message.text, message.at)
		: bot.markdown(message.title, message.text, message.at));
	return answer.data;
}

(async () => {
	const answers = [];
	for (const message of JSON.parse(fs.readFileSync(process.argv[2], "utf8")))
		answers.push(await send(message));
	console.log(JSON.stringify(answers));
})();
