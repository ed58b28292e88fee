// Publishes "Hello World" and quits, as the guide says of this example; its code does not stand in the guide.
var autobahn = require('autobahn');

var connection = new autobahn.Connection({ url: process.env.CBURL, realm: process.env.CBREALM });

connection.onopen = function (session) {
   session.publish('com.myapp.hello', ['Hello World from Node'], {}, { acknowledge: true }).then(function () {
      connection.close();
   });
};

connection.onclose = function (reason, details) {
   console.log("session closed: " + reason, details.reason);
};

connection.open();
